// How often progress is told.
#include "session/progress.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace unionroot::session;
using namespace std::chrono_literals;

namespace {

struct Told {
  std::chrono::steady_clock::time_point now{};
  std::vector<Progress> heard;
  ProgressThrottle throttle{[this](const Progress& progress) { heard.push_back(progress); }, [this] { return now; }};
};

}  // namespace

TEST_CASE("bytes are told once an interval, and the last of them at the end") {
  Told told;
  for (unsigned i = 1; i <= 1000; ++i) {
    told.now += 1ms;
    told.throttle.report({"unpacking", i, 1000});
  }
  CHECK(told.heard.size() == 10);
  CHECK(told.heard.front() == Progress{"unpacking", 100, 1000});
  CHECK(told.heard.back() == Progress{"unpacking", 1000, 1000});
  told.throttle.report({"unpacking", 1001, 0});
  CHECK(told.heard.size() == 10);
  told.throttle.finish();
  CHECK(told.heard.back() == Progress{"unpacking", 1001, 0});
  CHECK(told.heard.size() == 11);
}

TEST_CASE("an operation that is over within an interval tells nothing") {
  Told told;
  for (unsigned i = 1; i <= 90; ++i) {
    told.now += 1ms;
    told.throttle.report({"unpacking", i, 90});
  }
  told.throttle.finish();
  CHECK(told.heard.empty());
  CHECK_FALSE(told.throttle.told());
}

TEST_CASE("each line of a script is told, also one that it wrote before") {
  Told told;
  for (int i = 0; i < 2; ++i) told.throttle.report({"I: hook: line", 0, 0, true});
  CHECK(told.heard.size() == 2);
  told.throttle.finish();
  CHECK(told.heard.size() == 2);
}

TEST_CASE("a step without bytes is told at once, and once") {
  Told told;
  told.throttle.report({"waiting", 0, 0});
  told.throttle.report({"waiting", 0, 0});
  REQUIRE(told.heard.size() == 1);
  told.throttle.report({"unpacking", 5, 10});
  CHECK(told.heard.size() == 1);
  // It takes the place of what was held back.
  told.throttle.report({"writing to the disk", 0, 0});
  told.throttle.finish();
  REQUIRE(told.heard.size() == 2);
  CHECK(told.heard.back().what == "writing to the disk");
  CHECK(told.throttle.told());
}

TEST_CASE("many small trees one after another are told no more often than one large one") {
  Told told;
  for (unsigned i = 1; i <= 1000; ++i) {
    told.now += 1ms;
    told.throttle.report({"unpacking layer " + std::to_string(i), 10, 10});
  }
  CHECK(told.heard.size() == 10);
}

TEST_CASE("who waits for a tree finds its bytes while it is unpacked") {
  Unpackings unpackings;
  unpackings.put("key", {5, 10});
  CHECK(unpackings.find("key").done == 5);
  CHECK(unpackings.find("key").total == 10);
  CHECK(unpackings.find("other").total == 0);
  unpackings.remove("key");
  CHECK(unpackings.find("key").total == 0);
}
