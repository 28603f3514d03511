// Nobody keeps another from working.
#include "daemon/dispatcher.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

using namespace unionroot;
using daemon::Lane;
using daemon::WaitingRoom;
using namespace std::chrono_literals;

namespace {

// Jobs that stay until they are let go.
struct Gate {
  std::promise<void> promise;
  std::shared_future<void> open{promise.get_future().share()};
  std::atomic<int> inside{0}, most{0};
  std::function<void()> job() {
    return [this] {
      const int now = ++inside;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      open.wait();
      --inside;
    };
  }
};

bool soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

base::ErrorCode refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.code();
  }
  FAIL("it was taken");
  throw std::logic_error("unreachable");
}

}  // namespace

TEST_CASE("a user has at most so many jobs at once, and another's run beside them") {
  Gate gate;
  Lane lane({"operations", 4, 2, 100});
  for (int i = 0; i < 10; ++i) lane.submit(1000, gate.job());
  REQUIRE(soon([&] { return gate.inside == 2; }));
  std::atomic<bool> other{false};
  lane.submit(1001, [&] { other = true; });
  CHECK(soon([&] { return other.load(); }));
  std::this_thread::sleep_for(20ms);
  CHECK(gate.inside == 2);
  gate.promise.set_value();
  CHECK(soon([&] { return gate.inside == 0; }));
  CHECK(gate.most == 2);
}

TEST_CASE("root leaves one thread to the others") {
  Gate gate;
  Lane lane({"operations", 3, 1, 100});
  for (int i = 0; i < 10; ++i) lane.submit(0, gate.job());
  REQUIRE(soon([&] { return gate.inside == 2; }));
  std::atomic<bool> other{false};
  lane.submit(1001, [&] { other = true; });
  CHECK(soon([&] { return other.load(); }));
  gate.promise.set_value();
}

TEST_CASE("a user's queue is bounded, root's is not") {
  Gate gate;
  Lane lane({"operations", 2, 1, 3});
  for (int i = 0; i < 4; ++i) lane.submit(1000, gate.job());
  CHECK(refusal([&] { lane.submit(1000, gate.job()); }) == base::ErrorCode::limit_exceeded);
  CHECK_NOTHROW(lane.submit(1001, gate.job()));
  for (int i = 0; i < 50; ++i) CHECK_NOTHROW(lane.submit(0, gate.job()));
  gate.promise.set_value();
}

TEST_CASE("every job runs once, in the order of its user") {
  std::mutex mutex;
  std::vector<int> order;
  {
    Lane lane({"operations", 4, 1, 1000});
    for (int i = 0; i < 200; ++i) {
      lane.submit(1000, [&, i] {
        const std::lock_guard lock(mutex);
        order.push_back(i);
      });
    }
    REQUIRE(soon([&] {
      const std::lock_guard lock(mutex);
      return order.size() == 200;
    }));
  }
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a job that throws takes nothing else along") {
  Lane lane({"operations", 2, 1, 10});
  std::atomic<bool> later{false};
  lane.submit(1000, [] { throw std::runtime_error("on purpose"); });
  lane.submit(1000, [] { throw 7; });
  lane.submit(1000, [&] { later = true; });
  CHECK(soon([&] { return later.load(); }));
}

TEST_CASE("stopping drops what is queued, and refuses what comes after") {
  Gate gate;
  Lane lane({"operations", 2, 1, 10});
  auto queued = std::make_shared<int>(0);
  lane.submit(1000, gate.job());
  REQUIRE(soon([&] { return gate.inside == 1; }));
  lane.submit(1000, [queued] { ++*queued; });
  std::thread stopper([&] { lane.stop(); });
  CHECK(soon([&] { return queued.use_count() == 1; }));
  gate.promise.set_value();
  stopper.join();
  CHECK(*queued == 0);
  CHECK(refusal([&] { lane.submit(1000, [] {}); }) == base::ErrorCode::cancelled);
}

TEST_CASE("a job knows whose it is") {
  Lane lane({"operations", 2, 1, 10});
  std::promise<uid_t> seen;
  lane.submit(1234, [&] { seen.set_value(Lane::current_uid()); });
  CHECK(seen.get_future().get() == 1234);
  CHECK(Lane::current_uid() == 0);
}

TEST_CASE("waiting is bounded for each user, and over when everyone has left") {
  Gate gate;
  WaitingRoom room(2);
  room.submit(1000, gate.job());
  room.submit(1000, gate.job());
  CHECK(refusal([&] { room.submit(1000, gate.job()); }) == base::ErrorCode::limit_exceeded);
  CHECK_NOTHROW(room.submit(1001, gate.job()));
  REQUIRE(soon([&] { return gate.inside == 3; }));
  gate.promise.set_value();
  room.stop();
  CHECK(gate.inside == 0);
  CHECK(refusal([&] { room.submit(1000, [] {}); }) == base::ErrorCode::cancelled);
}
