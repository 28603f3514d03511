// Tables, labels, and text from strangers.
#include "cli/output.h"

#include <catch2/catch.hpp>

#include "cli/listing.h"
#include "cli/lock_listing.h"
#include "cli/problem_listing.h"

using namespace unionroot;
using namespace unionroot::cli;
using Catch::Matchers::Contains;
using nlohmann::json;

TEST_CASE("safe text") {
  CHECK(safe("plain \xc3\xa9") == "plain \xc3\xa9");
  CHECK(safe("a\x1b[31m\n\x7f") == "a\\x1b[31m\\x0a\\x7f");
  CHECK(safe("\xc2\x9b"
             "31m") == "\\xc2\\x9b31m");
  CHECK(safe("\x9b"
             "31m") == "\\x9b31m");
  CHECK(safe("caf\xe9, \xff") == "caf\\xe9, \\xff");
  CHECK(safe(std::string(1000, 'x')).size() == 1000);
}

TEST_CASE("JSON has whole what a terminal must not have") {
  const std::string odd = "\x7f \xc2\x9b \xe2\x80\xae \xf3\xa0\x81\x81 \x1b \n \xc3\xa9";
  const auto text = json_text({{"a", odd}, {odd, json::array({1})}});
  CHECK_THAT(text, Contains("\\u007f \\u009b \\u202e \\udb40\\udc41 \\u001b \\n \xc3\xa9"));
  for (const char* raw : {"\x7f", "\xc2\x9b", "\xe2\x80\xae", "\xf3\xa0\x81\x81"})
    CHECK(text.find(raw) == std::string::npos);
  CHECK(json::parse(text) == json({{"a", odd}, {odd, json::array({1})}}));
}

TEST_CASE("tables are aligned") {
  CHECK(table({{"A", "B"}, {"long", ""}, {"\xc3\xa9", "x"}}) == "A     B\nlong  -\n\xc3\xa9     x\n");
  CHECK(table({{"A"}}) == "A\n");
}

TEST_CASE("sessions and chroots") {
  ::setenv("TZ", "UTC", 1);
  const auto sessions = json::array({{{"id", "b"},
                                      {"chroot", "sid"},
                                      {"owner", "joe"},
                                      {"state", "active"},
                                      {"created", 1000000},
                                      {"automatic", true}},
                                     {{"id", "a"},
                                      {"chroot", "sid"},
                                      {"owner", "root"},
                                      {"state", "failed"},
                                      {"automatic", false},
                                      {"source", true}}});
  CHECK(session_table(sessions) ==
        "SESSION  CHROOT  OWNER  STATE   SINCE                KIND\n"
        "a        sid     root   failed  -                    preserved,source\n"
        "b        sid     joe    active  1970-01-01 00:00:01  automatic\n");
  CHECK(session_table(json::array()) == "SESSION  CHROOT  OWNER  STATE  SINCE  KIND\n");
  const auto chroots = json::array({{{"name", "sid"},
                                     {"type", "directory"},
                                     {"union-type", "overlay"},
                                     {"aliases", {"unstable", "default"}},
                                     {"description", "evil\x1b"}}});
  const auto broken = json::array({{{"name", "bad"}, {"file", "a.conf:3"}, {"error", "wrong\x1b\nmore"}}});
  CHECK_THAT(chroot_table(chroots, broken),
             Contains("sid     directory  overlay  unstable,default  evil\\x1b\n") &&
                 Contains("bad     broken     -        -                 a.conf:3: wrong\\x1b\n"));
  // A daemon that answers nonsense must not bring the client down.
  CHECK_NOTHROW(session_table(json::array({1, "x", {{"id", 3}, {"created", "x"}}})));
  CHECK_NOTHROW(info_text(json::object({{"stages", 1}, {"runs", {1, 2}}, {"created", "x"}})));
}

TEST_CASE("info") {
  const json info = {{"name", "sid"},
                     {"aliases", {"a", "b"}},
                     {"host-view", true},
                     {"user-data", {{"x.y", "1"}, {"x.z", "2"}}},
                     {"stages", json::array({json::array({"source", "done"}), json::array({"union", "starting"})})},
                     {"new-key", 5},
                     {"progress", {"unpacking /a", 512u, 2048u}},
                     {"description", ""}};
  const auto text = info_text(info);
  CHECK_THAT(text, Contains("Name:                 sid\n") && Contains("Aliases:              a,b\n"));
  CHECK_THAT(text, Contains("Host view:            yes\n") && Contains("new-key:              5\n"));
  CHECK_THAT(text, Contains("User data:            x.y=1\n                      x.z=2\n"));
  CHECK_THAT(text, Contains("Stages:               source: done\n                      union: starting\n"));
  CHECK_THAT(text, Contains("Progress:             unpacking /a, 512 bytes of 2.0 KiB\n"));
  CHECK_THAT(info_text({{"progress", {"waiting", 0, 0}}}), Contains("waiting\n"));
  CHECK_THAT(info_text({{"progress", {"packing", 2048u, 0u}}}), Contains("packing, 2.0 KiB\n"));
  CHECK_NOTHROW(info_text(json::object({{"progress", {{"done", "x"}}}})));
  CHECK_THAT(text, !Contains("Description"));
  CHECK_THAT(info_text({{"device", "/dev/x"}}), Contains("Device:"));
  CHECK(readable_pairs(info)["stages"][0] == json{{"name", "source"}, {"state", "done"}});
  CHECK(readable_pairs(info)["progress"] == json{{"what", "unpacking /a"}, {"done", 512}, {"total", 2048}});
}

TEST_CASE("problems") {
  using definition::Problem;
  const definition::Problems none, some = {{Problem::Severity::error, "f", 3, "sid", "bad\ntype"},
                                           {Problem::Severity::notice, "f", 4, "", "blanks"}};
  CHECK(problems_text(1, none) == "1 definition, no problems\n");
  CHECK_FALSE(anything_wrong(none));
  CHECK(anything_wrong(some));
  CHECK_FALSE(anything_wrong({some[1]}));
  CHECK(anything_wrong({{Problem::Severity::warning, "f", 1, "", "x"}}));
  CHECK_THAT(problems_text(2, some), Contains("f:3: ") && Contains("bad type\n") && Contains("[notice]\n") &&
                                         Contains("2 definitions, 1 problem\n"));
  const auto listed = problems_json(2, some);
  CHECK(listed["problems"][0] ==
        json{{"severity", "error"}, {"file", "f"}, {"line", 3}, {"section", "sid"}, {"message", "bad\ntype"}});
}

TEST_CASE("locks") {
  locks::LockInfo lock;
  lock.kind = locks::LockKind::source;
  lock.state = locks::LockState::waiting;
  lock.owner.tree = "/srv/\x1bsid";
  lock.owner.process.pid = 12;
  lock.owner.uid = 5;
  CHECK_THAT(lock_table({lock}), Contains("/srv/\\x1bsid  source  waiting"));
  const auto listed = locks_json({lock})["locks"][0];
  CHECK(listed["state"] == "waiting");
  CHECK(listed["user"] == "5");
  CHECK(listed["pid"] == 12);
}
