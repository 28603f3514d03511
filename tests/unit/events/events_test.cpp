#include <algorithm>
#include <catch2/catch.hpp>

#include "events/event.h"
#include "events/flood_limit.h"

using namespace unionroot::events;
using namespace std::chrono_literals;

TEST_CASE("what others wrote cannot begin a line or a field of its own") {
  Event event(Kind::request_failed);
  event.request = "begin";
  event.asked = "sid\nUNIONROOT_UID=0";
  event.chroot = event.asked;
  event.who = User{1000, "alice\nroot"};
  event.error = "no\nsuch";
  CHECK(text_of(event).find('\n') == std::string::npos);
  for (const auto& [name, value] : fields_of(event)) {
    INFO(name);
    CHECK(value.find('\n') == std::string::npos);
  }
}

TEST_CASE("fields are cut") {
  Event event(Kind::session_failed);
  event.error = std::string(100000, 'x');
  event.chroot = std::string(100000, 'y');
  CHECK(text_of(event).size() < 2100);
  for (const auto& [name, value] : fields_of(event)) CHECK(value.size() < 1100);
}

TEST_CASE("a flood is counted, and others are told of nevertheless") {
  FloodLimit limit;
  const auto begin = FloodLimit::Clock::time_point{} + 1h;
  unsigned told = 0;
  for (int i = 0; i < 100; ++i) told += limit.admits(1000, begin + i * 1ms) ? 1 : 0;
  CHECK(told == FloodLimit::told_in_a_window);
  CHECK(limit.admits(1001, begin + 1s));
  REQUIRE(limit.next());
  CHECK(*limit.next() == begin + FloodLimit::window);
  CHECK(limit.over(begin + FloodLimit::window - 1ms).empty());
  const auto over = limit.over(begin + FloodLimit::window);
  REQUIRE(over.size() == 1);
  CHECK(over.front().uid == 1000U);
  CHECK(over.front().count == 90);
  CHECK(limit.over(begin + 2 * FloodLimit::window).empty());
  CHECK_FALSE(limit.next());
  CHECK(limit.admits(1000, begin + 2 * FloodLimit::window));
}

TEST_CASE("who has many uids has one share beyond a number of them") {
  FloodLimit limit;
  const auto now = FloodLimit::Clock::time_point{} + 1h;
  std::size_t told = 0;
  for (uid_t uid = 0; uid < 65536; ++uid) told += limit.admits(uid, now) ? 1U : 0U;
  CHECK(told == FloodLimit::most_users + FloodLimit::told_in_a_window);
  const auto over = limit.over(now + FloodLimit::window);
  REQUIRE(over.size() == 1);
  CHECK_FALSE(over.front().uid);
  CHECK(over.front().count == 65536 - told);
}
