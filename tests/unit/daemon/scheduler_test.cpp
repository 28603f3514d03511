// No class of work and no user keeps another from working.
#include "daemon/scheduler/scheduler.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "eventually.h"
#include "refusal.h"

using namespace unionroot;
using daemon::Limits;
using daemon::Scheduler;
using daemon::Work;
using tests::refusal;

namespace {

constexpr uid_t alice = 1000, bob = 1001, carol = 1002;

// Jobs that stay until they are let go.
struct Gate {
  std::promise<void> promise;
  std::shared_future<void> open{promise.get_future().share()};
  std::atomic<int> inside{0}, most{0};
  Scheduler::Job job() {
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

// A class with these limits; all others have room for one.
Limits limits_with(Work work, daemon::Limit limit) {
  Limits limits;
  limits[work] = limit;
  return limits;
}

bool soon(const std::function<bool()>& condition) { return tests::eventually(condition); }

// Returns once the job has run.
bool runs(Scheduler& scheduler, Work work, uid_t uid) {
  std::atomic<bool> done{false};
  scheduler.submit(work, uid, [&] { done = true; });
  return soon([&] { return done.load(); });
}

}  // namespace

TEST_CASE("a user has at most so many jobs at once, and another's run beside them") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 4, 2, 0, 100}));
  for (int i = 0; i < 10; ++i) scheduler.submit(Work::begin, alice, gate.job());
  REQUIRE(soon([&] { return gate.inside == 2; }));
  CHECK(runs(scheduler, Work::begin, bob));
  CHECK(gate.inside == 2);
  gate.promise.set_value();
  CHECK(soon([&] { return gate.inside == 0 && runs(scheduler, Work::begin, alice); }));
  CHECK(gate.most == 2);
}

TEST_CASE("a class that is full holds up no other class") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 2, 2, 1, 100}));
  for (const uid_t uid : {alice, bob, uid_t{0}})
    for (int i = 0; i < 5; ++i) scheduler.submit(Work::begin, uid, gate.job());
  REQUIRE(soon([&] { return gate.inside == 3; }));
  for (const auto work : {Work::lookup, Work::start, Work::end, Work::slow_end, Work::list, Work::query, Work::objects,
                          Work::configuration, Work::signal})
    CHECK(runs(scheduler, work, alice));
  gate.promise.set_value();
}

TEST_CASE("users cannot take root's reserve") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 4, 2, 1, 100}));
  for (const uid_t uid : {alice, bob, carol})
    for (int i = 0; i < 3; ++i) scheduler.submit(Work::begin, uid, gate.job());
  REQUIRE(soon([&] { return gate.inside == 4; }));
  CHECK(runs(scheduler, Work::begin, 0));
  CHECK(gate.inside == 4);
  gate.promise.set_value();
}

TEST_CASE("root leaves one place to the users") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 2, 1, 2, 100}));
  for (int i = 0; i < 10; ++i) scheduler.submit(Work::begin, 0, gate.job());
  REQUIRE(soon([&] { return gate.inside == 3; }));
  CHECK(runs(scheduler, Work::begin, alice));
  CHECK(gate.most == 3);
  gate.promise.set_value();
}

TEST_CASE("the users of a class take turns") {
  Gate gate;
  std::mutex mutex;
  std::vector<uid_t> order;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 1, 1, 0, 100}));
  scheduler.submit(Work::begin, carol, gate.job());
  const auto note = [&](uid_t uid) {
    return [&, uid] {
      const std::lock_guard lock(mutex);
      order.push_back(uid);
    };
  };
  for (int i = 0; i < 3; ++i) scheduler.submit(Work::begin, alice, note(alice));
  for (int i = 0; i < 3; ++i) scheduler.submit(Work::begin, bob, note(bob));
  gate.promise.set_value();
  REQUIRE(soon([&] {
    const std::lock_guard lock(mutex);
    return order.size() == 6;
  }));
  CHECK(order == std::vector<uid_t>{alice, bob, alice, bob, alice, bob});
}

TEST_CASE("a user's queue is limited, root's and the daemon's own is not") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 2, 1, 0, 3}));
  for (int i = 0; i < 4; ++i) scheduler.submit(Work::begin, alice, gate.job());
  CHECK(refusal([&] { scheduler.submit(Work::begin, alice, gate.job()); }) == base::ErrorCode::limit_exceeded);
  CHECK_NOTHROW(scheduler.submit(Work::begin, alice, gate.job(), Scheduler::Queue::unlimited));
  CHECK_NOTHROW(scheduler.submit(Work::begin, bob, gate.job()));
  for (int i = 0; i < 50; ++i) CHECK_NOTHROW(scheduler.submit(Work::begin, 0, gate.job()));
  gate.promise.set_value();
}

TEST_CASE("every job runs once, in the order of its user") {
  std::mutex mutex;
  std::vector<int> order;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 4, 1, 0, 1000}));
  for (int i = 0; i < 200; ++i) {
    scheduler.submit(Work::begin, alice, [&, i] {
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
  }
  REQUIRE(soon([&] {
    const std::lock_guard lock(mutex);
    return order.size() == 200;
  }));
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a request goes on as another class: on the same thread where there is room") {
  Scheduler scheduler{Limits()};
  std::promise<std::pair<std::thread::id, std::thread::id>> threads;
  scheduler.submit(Work::lookup, alice, [&] {
    scheduler.go_on(Work::begin, alice, [&, first = std::this_thread::get_id()] {
      threads.set_value({first, std::this_thread::get_id()});
    });
  });
  const auto [first, second] = threads.get_future().get();
  CHECK(first == second);
}

TEST_CASE("a request that goes on waits where there is no room, and gives its place up meanwhile") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 1, 1, 0, 2}));
  scheduler.submit(Work::begin, alice, gate.job());
  REQUIRE(soon([&] { return gate.inside == 1; }));
  std::atomic<int> begun{0}, refused{0};
  const auto ask = [&] {
    try {
      scheduler.go_on(Work::begin, alice, [&] { ++begun; });
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::limit_exceeded) ++refused;
    }
  };
  for (int i = 0; i < 3; ++i) scheduler.submit(Work::lookup, alice, ask);
  CHECK(soon([&] { return refused == 1; }));  // two may wait
  CHECK(runs(scheduler, Work::lookup, alice));
  CHECK(begun == 0);
  gate.promise.set_value();
  CHECK(soon([&] { return begun == 2; }));
}

TEST_CASE("a job that throws takes nothing else along") {
  Scheduler scheduler(limits_with(Work::begin, {"begins", 2, 1, 0, 10}));
  scheduler.submit(Work::begin, alice, [] { throw std::runtime_error("on purpose"); });
  scheduler.submit(Work::begin, alice, [] { throw 7; });
  CHECK(runs(scheduler, Work::begin, alice));
}

TEST_CASE("stopping drops what is queued, and refuses what comes after") {
  Gate gate;
  Scheduler scheduler(limits_with(Work::begin, {"begins", 2, 1, 0, 10}));
  auto queued = std::make_shared<int>(0);
  scheduler.submit(Work::begin, alice, gate.job());
  REQUIRE(soon([&] { return gate.inside == 1; }));
  scheduler.submit(Work::begin, alice, [queued] { ++*queued; });
  std::thread stopper([&] { scheduler.stop(); });
  CHECK(soon([&] { return queued.use_count() == 1; }));
  gate.promise.set_value();
  stopper.join();
  CHECK(*queued == 0);
  CHECK(refusal([&] { scheduler.submit(Work::begin, alice, [] {}); }) == base::ErrorCode::cancelled);
}

TEST_CASE("a request that would go on as the scheduler stops is dropped") {
  Gate gate;
  auto scheduler = std::make_unique<Scheduler>(Limits());
  std::atomic<bool> cancelled{false}, went_on{false};
  scheduler->submit(Work::lookup, alice, [&] {
    ++gate.inside;
    gate.open.wait();
    try {
      scheduler->go_on(Work::begin, alice, [&] { went_on = true; });
    } catch (const base::Error& error) {
      cancelled = error.code() == base::ErrorCode::cancelled;
    }
  });
  REQUIRE(soon([&] { return gate.inside == 1; }));
  std::thread stopper([&] { scheduler->stop(); });
  CHECK(soon([&] {
    try {
      scheduler->submit(Work::lookup, bob, [] {});
      return false;
    } catch (const base::Error&) {
      return true;
    }
  }));
  gate.promise.set_value();
  stopper.join();
  CHECK(cancelled);
  CHECK_FALSE(went_on);
}
