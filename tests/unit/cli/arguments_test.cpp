// Values of options.
#include "cli/arguments.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <catch2/catch.hpp>

#include "cli/verb.h"

using namespace unionroot;
using namespace unionroot::cli;
using Catch::Matchers::Contains;

TEST_CASE("seconds") {
  CHECK(parse_seconds("0") == 0);
  CHECK(parse_seconds("2.5") == 2500);
  CHECK(parse_seconds("0.0001") == 1);
  CHECK(parse_seconds("1000000000") == 1000000000000);
  for (const auto* bad : {"", "-1", "-0", "+1", "1s", " 1", "nan", "inf", "1e3", "1000000001", "true", "."}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_seconds(bad), UsageError);
  }
}

TEST_CASE("--wait takes its value after = alone") {
  const auto parsed = [](std::vector<std::string> words) {
    CLI::App app;
    std::string name;
    app.add_option("NAME", name);
    WaitOption wait;
    wait.declare(app);
    app.parse(std::move(words));
    return std::pair(wait.given() ? wait.milliseconds() : -2, name);
  };
  CHECK(parsed({"sid"}) == std::pair(std::int64_t{-2}, std::string("sid")));
  CHECK(parsed({"sid", "--wait"}) == std::pair(std::int64_t{-1}, std::string("sid")));
  CHECK(parsed({"sid", "--wait=1.5"}) == std::pair(std::int64_t{1500}, std::string("sid")));
  CHECK(parsed({"sid", "--wait=0"}) == std::pair(std::int64_t{0}, std::string("sid")));
  CHECK_THROWS_AS(parsed({"sid", "--wait=soon"}), UsageError);
}

TEST_CASE("user data") {
  using Data = std::map<std::string, std::string>;
  CHECK(parse_user_data({"a.b=c", "a.b=d", "setup.x-y=", "a1.b2.c=1=2"}) ==
        Data{{"a.b", "d"}, {"setup.x-y", ""}, {"a1.b2.c", "1=2"}});
  for (const auto* bad :
       {"", "a", "a=b", "a.b", "=x", ".a=b", "a.=b", "A.b=c", "a-b.c=d", "a.1=b", "a b.c=d", "a..b=c"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_user_data({bad}), UsageError);
  }
}

TEST_CASE("names") {
  CHECK(session_name("x") == "x");
  CHECK(session_name("session:x") == "x");
  CHECK_THROWS_WITH(session_name("chroot:x"), Contains("not a session"));
  CHECK_THROWS_WITH(require_chroot_name("session:x"), Contains("not a chroot"));
  CHECK_NOTHROW(require_chroot_name("source:x"));
  CHECK_NOTHROW(require_name("session:x"));
  for (const std::string bad : {"", "..", "a/b", "-x", "foo:x", "a b", "a\nb"}) {
    INFO(bad);
    CHECK_THROWS_AS(require_name(bad), UsageError);
    CHECK_THROWS_AS(session_name(bad), UsageError);
    CHECK_THROWS_AS(require_new_name(bad), UsageError);
  }
  CHECK_THROWS_AS(require_new_name("session:x"), UsageError);
}
