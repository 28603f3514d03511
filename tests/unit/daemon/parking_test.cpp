// Requests wait without a thread.
#include "daemon/scheduler/parking.h"

#include <catch2/catch.hpp>
#include <vector>

#include "refusal.h"

using namespace unionroot;
using daemon::Parking;
using tests::refusal;
using Why = daemon::Parking::Why;

namespace {

constexpr uid_t alice = 1000, bob = 1001;

struct Parked {
  daemon::asio::io_context io{1};
  Parking parking{io, 2};
  std::vector<Why> resumed;
  bool ready = false;

  Parking::Request request(uid_t uid = alice, std::optional<Parking::Clock::time_point> until = {}) {
    return {uid, [this] { return ready; }, until, [this](Why why) { resumed.push_back(why); }};
  }
};

}  // namespace

TEST_CASE("a parked request is resumed when it is ready") {
  Parked parked;
  parked.parking.park(parked.request());
  parked.io.run_one();
  CHECK(parked.resumed.empty());
  parked.ready = true;
  parked.io.run();  // and has nothing more to do then
  CHECK(parked.resumed == std::vector<Why>{Why::ready});
  CHECK(parked.parking.count() == 0);
}

TEST_CASE("a parked request is resumed when its time is over") {
  Parked parked;
  parked.parking.park(parked.request(alice, Parking::Clock::now()));
  parked.io.run();
  CHECK(parked.resumed == std::vector<Why>{Why::over});
}

TEST_CASE("one user's parked requests are limited, root's and those without a bound are not") {
  Parked parked;
  for (int i = 0; i < 2; ++i) parked.parking.park(parked.request());
  CHECK(refusal([&] { parked.parking.park(parked.request()); }) == base::ErrorCode::limit_exceeded);
  CHECK_NOTHROW(parked.parking.park(parked.request(), Parking::Bound::unlimited));
  CHECK_NOTHROW(parked.parking.park(parked.request(bob)));
  for (int i = 0; i < 20; ++i) CHECK_NOTHROW(parked.parking.park(parked.request(0)));
  parked.ready = true;
  parked.io.run();
  CHECK(parked.resumed.size() == 24);
  CHECK_NOTHROW(parked.parking.park(parked.request()));
}

TEST_CASE("what is resumed may be parked again") {
  Parked parked;
  parked.ready = true;
  bool again = false;
  auto request = parked.request();
  request.resume = [&](Why) {
    parked.ready = false;
    parked.parking.park(parked.request(alice, Parking::Clock::now()));
    again = true;
  };
  parked.parking.park(std::move(request));
  parked.io.run();
  CHECK(again);
  CHECK(parked.resumed == std::vector<Why>{Why::over});
}

TEST_CASE("a stop resumes all, and whoever comes later") {
  Parked parked;
  parked.parking.park(parked.request());
  parked.parking.park(parked.request(bob));
  parked.parking.stop();
  CHECK(parked.resumed == std::vector<Why>{Why::stopped, Why::stopped});
  parked.parking.park(parked.request());
  CHECK(parked.resumed.size() == 3);
  parked.io.run();
  CHECK(parked.resumed.size() == 3);
}
