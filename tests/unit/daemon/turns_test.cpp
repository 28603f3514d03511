#include "daemon/bus/turns.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"

using unionroot::daemon::Turns;
namespace asio = unionroot::daemon::asio;
namespace base = unionroot::base;

namespace {

using std::chrono::milliseconds;

constexpr uid_t alice = 1000, bob = 1001;

// The thread's time passes when a job says so; the clock too.
struct Place {
  asio::io_context io{1};
  Turns::Clock::time_point now{std::chrono::hours(1)};
  Turns::Clock::duration used{};
  bool clear = true;
  std::vector<std::string> done;
  Turns turns;

  explicit Place(Turns::Rules rules = {})
      : turns(io, {[] {}, [this] { return clear; }, [this] { return now; }, [this] { return used; }}, rules) {}

  void pass(milliseconds time) {
    now += time;
    used += time;
  }
  Turns::Quick job(std::string name, milliseconds cost = milliseconds(1)) {
    return [this, name = std::move(name), cost] {
      done.push_back(name);
      pass(cost);
    };
  }
  // In so many pieces.
  Turns::Long pieces(std::string name, int count, milliseconds cost = milliseconds(1)) {
    auto write = [this, name = std::move(name), count, cost]() mutable {
      done.push_back(name);
      pass(cost);
      return --count == 0 ? Turns::Next::done : Turns::Next::again;
    };
    return {write, {}};
  }
  // All that can be done without waiting.
  void settle() {
    io.restart();
    while (io.poll() != 0) continue;
  }
  void wait_until(const std::function<bool()>& condition) {
    while (!condition()) {
      io.restart();
      io.run_one_for(milliseconds(10));
    }
  }
};

using Names = std::vector<std::string>;

// Ten milliseconds at once, and a fifth of the time.
Turns::Rules small_stock() {
  Turns::Rules rules;
  rules.stock = milliseconds(10);
  return rules;
}

}  // namespace

TEST_CASE("Who is within the share is served at once") {
  Place place;
  place.turns.quick(alice, place.job("a"));
  place.turns.quick(bob, place.job("b"));
  CHECK(place.done == Names{"a", "b"});
}

TEST_CASE("Who has used up the share is served later, and holds up nobody") {
  Place place(small_stock());
  place.turns.quick(alice, place.job("a1", milliseconds(50)));
  place.turns.quick(alice, place.job("a2"));
  place.settle();
  CHECK(place.done == Names{"a1"});
  place.turns.quick(bob, place.job("b"));
  CHECK(place.done == Names{"a1", "b"});
  place.turns.quick(0, place.job("root"));
  place.now += std::chrono::hours(1);
  place.turns.quick(alice, place.job("a3"));  // in their order
  place.settle();
  CHECK(place.done == Names{"a1", "b", "root", "a2", "a3"});
}

TEST_CASE("What the bus spends on a call counts too") {
  auto rules = small_stock();
  rules.bus_cost = milliseconds(6);
  Place place(rules);
  for (const auto* name : {"a1", "a2", "a3"}) place.turns.quick(alice, place.job(name, milliseconds(0)));
  place.settle();
  CHECK(place.done == Names{"a1", "a2"});
}

TEST_CASE("A call that is answered elsewhere passes while the share lasts, and after what waits") {
  auto rules = small_stock();
  rules.bus_cost = milliseconds(6);
  Place place(rules);
  CHECK(place.turns.passes(alice));
  CHECK(place.turns.passes(alice));
  CHECK_FALSE(place.turns.passes(alice));
  CHECK(place.turns.passes(bob));
  CHECK(place.turns.passes(0));
  place.turns.quick(alice, place.job("a"));
  place.now += std::chrono::hours(1);
  CHECK_FALSE(place.turns.passes(alice));
  place.settle();
  CHECK(place.done == Names{"a"});
  CHECK(place.turns.passes(alice));
}

TEST_CASE("Who calls without a pause has a call answered now and then") {
  Place place(small_stock());
  for (int number = 0; number < 3; ++number) place.turns.quick(alice, place.job("refusal", milliseconds(1000)));
  int passed = 0;
  for (int number = 0; number < 160; ++number) passed += place.turns.passes(alice) ? 1 : 0;
  CHECK(passed == 10);
  CHECK(place.turns.passes(bob));
}

TEST_CASE("Root is never made to wait") {
  Place place(small_stock());
  for (int i = 0; i < 5; ++i) place.turns.quick(0, place.job("root", milliseconds(1000)));
  CHECK(place.done.size() == 5);
}

TEST_CASE("Long answers are written in pieces, and calls come between them") {
  Place place;
  place.turns.longer(alice, place.pieces("a", 3));
  place.turns.longer(bob, place.pieces("b", 3));
  place.io.run_one();
  CHECK(place.done.size() == 1);
  place.turns.quick(bob, place.job("call"));
  CHECK(place.done.back() == "call");
  place.settle();
  CHECK(place.done.size() == 7);
  // They take turns.
  CHECK(std::count(place.done.begin(), place.done.begin() + 4, "a") >= 1);
  CHECK(std::count(place.done.begin(), place.done.begin() + 4, "b") >= 1);
}

TEST_CASE("A long answer is not written while the bus has not read the one before") {
  Place place(small_stock());
  place.turns.longer(alice, place.pieces("a", 1));
  place.settle();
  place.clear = false;
  place.turns.longer(bob, place.pieces("b", 1));
  place.turns.quick(bob, place.job("call"));
  for (int i = 0; i < 10; ++i) place.settle();
  CHECK(place.done == Names{"a", "call"});
  place.clear = true;
  place.wait_until([&] { return place.done.size() == 3; });
  CHECK(place.done.back() == "b");
}

TEST_CASE("A bus that is never done reading is waited for within bounds") {
  Place place(small_stock());
  place.clear = false;
  place.turns.longer(alice, place.pieces("a", 1));
  place.turns.longer(bob, place.pieces("b", 1));
  place.settle();
  CHECK(place.done.empty());
  place.now += milliseconds(60);
  place.wait_until([&] { return place.done.size() == 1; });
  for (int i = 0; i < 10; ++i) place.settle();
  CHECK(place.done.size() == 1);
  place.now += milliseconds(60);
  place.wait_until([&] { return place.done.size() == 2; });
}

TEST_CASE("The time that the bus takes for a long answer counts as its user's") {
  Place place(small_stock());
  place.clear = false;
  place.turns.longer(alice, place.pieces("first", 1));
  place.settle();
  CHECK(place.done.empty());  // the bus has not read what was before it
  place.clear = true;
  place.wait_until([&] { return !place.done.empty(); });
  place.clear = false;
  place.settle();
  place.now += milliseconds(100);
  place.clear = true;
  place.turns.longer(alice, place.pieces("second", 1));
  place.turns.longer(bob, place.pieces("other", 1));
  place.wait_until([&] { return place.done.size() == 2; });
  place.settle();
  CHECK(place.done == Names{"first", "other"});
}

TEST_CASE("An answer that waits for something is gone on with when it is told so") {
  Place place;
  int calls = 0;
  place.turns.longer(alice, {[&] { return ++calls == 1 ? Turns::Next::later : Turns::Next::done; }, {}});
  place.settle();
  CHECK(calls == 1);
  place.turns.quick(alice, place.job("call"));  // does not wait for it
  CHECK(place.done == Names{"call"});
  place.turns.go_on(alice);
  place.settle();
  CHECK(calls == 2);
  // Told at once.
  const auto write = [&] {
    place.turns.go_on(alice);
    return ++calls == 3 ? Turns::Next::later : Turns::Next::done;
  };
  place.turns.longer(alice, {write, {}});
  place.settle();
  CHECK(calls == 4);
}

TEST_CASE("What nobody waits for any more is dropped, whether or not the bus reads") {
  Place place(small_stock());
  bool gone = false;
  for (int i = 0; i < 5; ++i) {
    auto job = place.pieces("gone", 1);
    job.wanted = [&] { return !gone; };
    place.turns.longer(alice, std::move(job));
  }
  place.turns.longer(alice, place.pieces("there", 1));
  gone = true;
  place.settle();
  CHECK(place.done == Names{"there"});
}

TEST_CASE("A user's queues are bounded, and root's are not") {
  auto rules = small_stock();
  rules.most_quick = 2;
  rules.most_long = 1;
  Place place(rules);
  const auto refusal = [](auto&& what) {
    try {
      what();
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::ErrorCode::failed;
  };
  place.turns.quick(alice, place.job("a", milliseconds(1000)));
  place.turns.quick(alice, place.job("a"));
  place.turns.quick(alice, place.job("a"));
  CHECK(refusal([&] { place.turns.quick(alice, place.job("a")); }) == base::ErrorCode::limit_exceeded);
  place.turns.longer(alice, place.pieces("a", 1));
  CHECK(refusal([&] { place.turns.longer(alice, place.pieces("a", 1)); }) == base::ErrorCode::limit_exceeded);
  place.turns.longer(0, place.pieces("root", 1));
  place.turns.longer(0, place.pieces("root", 1));
  place.settle();
  CHECK(place.done == Names{"a", "root", "root"});
}

TEST_CASE("What a job throws ends that job alone") {
  Place place;
  place.turns.longer(alice, {[]() -> Turns::Next { throw std::runtime_error("broken"); }, {}});
  place.turns.longer(alice, place.pieces("next", 1));
  place.turns.quick(alice, [] { throw std::runtime_error("broken"); });
  place.settle();
  CHECK(place.done == Names{"next"});
}

TEST_CASE("Once it is stopped nothing is done") {
  Place place;
  place.turns.longer(alice, place.pieces("a", 1));
  place.turns.stop();
  place.settle();
  CHECK(place.done.empty());
  CHECK_THROWS_AS(place.turns.quick(alice, place.job("a")), base::Error);
}
