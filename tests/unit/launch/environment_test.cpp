#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "launch/spec.h"

using namespace unionroot;
using namespace unionroot::launch;
using Catch::Matchers::Contains;

namespace {

const User ann{.name = "ann", .uid = 1000, .gid = 1000, .home = "/home/ann", .shell = "/bin/bash", .groups = {1000}};
const User root{.name = "root", .uid = 0, .gid = 0, .home = "/root", .shell = "/bin/sh", .groups = {0}};

bool has(const std::vector<std::string>& environment, const std::string& entry) {
  return std::find(environment.begin(), environment.end(), entry) != environment.end();
}

std::string value_of(const std::vector<std::string>& environment, const std::string& name) {
  for (const auto& entry : environment)
    if (entry.rfind(name + "=", 0) == 0) return entry.substr(name.size() + 1);
  return "(none)";
}

std::string refusal(const EnvironmentRequest& request) {
  try {
    compose_environment(ann, request);
  } catch (const base::Error& error) {
    return std::string(base::error_name(error.code())) + ": " + error.what() + " / " + error.hint();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a fresh environment has six names and the extra ones") {
  EnvironmentRequest request;
  request.callers = {"SECRET=1", "HOME=/elsewhere"};
  request.terminal_type = "xterm";
  request.extra = {{"SCHROOT_USER", "ann"}};
  CHECK(compose_environment(ann, request) ==
        std::vector<std::string>{"HOME=/home/ann", "LOGNAME=ann", "PATH=/usr/local/bin:/usr/bin:/bin",
                                 "SCHROOT_USER=ann", "SHELL=/bin/bash", "TERM=xterm", "USER=ann"});
  CHECK(value_of(compose_environment(root, {}), "PATH") ==
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  CHECK(value_of(compose_environment(ann, {}), "TERM") == "(none)");
}

TEST_CASE("a user without home or shell gets usable ones") {
  const auto environment = compose_environment(User{.name = "x", .uid = 7, .gid = 7}, {});
  CHECK(has(environment, "HOME=/"));
  CHECK(has(environment, "SHELL=/bin/sh"));
}

TEST_CASE("a preserved environment wins, less the filter and PATH for root") {
  EnvironmentRequest request;
  request.preserve = true;
  request.callers = {"HOME=/build", "LD_PRELOAD=/x.so", "PATH=/evil",          "LANG=C",
                     "EMPTY=",      "EQUALS=a=b",       "SCHROOT_USER=mallory"};
  request.filter = "^(BASH_ENV|LD_.*)$";
  request.extra = {{"SCHROOT_USER", "ann"}};
  const auto mine = compose_environment(ann, request);
  CHECK(has(mine, "HOME=/build"));
  CHECK(has(mine, "PATH=/evil"));
  CHECK(has(mine, "LANG=C"));
  CHECK(has(mine, "EMPTY="));
  CHECK(has(mine, "EQUALS=a=b"));
  CHECK(has(mine, "USER=ann"));
  CHECK(has(mine, "SCHROOT_USER=ann"));
  CHECK(value_of(mine, "LD_PRELOAD") == "(none)");
  CHECK(value_of(compose_environment(root, request), "PATH") ==
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

TEST_CASE("names that no shell can set are dropped; malformed entries are refused") {
  EnvironmentRequest request;
  request.preserve = true;
  request.callers = {"BASH_FUNC_x%%=() { :; }", "a.b=c", "9x=1", "OK=1"};
  const auto environment = compose_environment(ann, request);
  CHECK(has(environment, "OK=1"));
  CHECK(value_of(environment, "BASH_FUNC_x%%") == "(none)");
  CHECK(value_of(environment, "a.b") == "(none)");
  for (const char* bad : {"NOVALUE", "=x", "", "A\nB=1", "A\x1b=1"}) {
    INFO(bad);
    request.callers = {bad};
    CHECK_THAT(refusal(request), Contains("InvalidArgument") && Contains("NAME=VALUE"));
  }
  request.callers.clear();
  request.extra = {{"a b", "c"}};
  CHECK_THAT(refusal(request), Contains("'a b=c' is not NAME=VALUE"));
}

TEST_CASE("a control character in a value is refused by name, unless the variable is dropped anyway") {
  EnvironmentRequest request;
  request.preserve = true;
  request.callers = {"FINE=a\tb\nc", "EVIL=\x1b]0;x\x07"};
  CHECK_THAT(refusal(request), Contains("variable EVIL") && Contains("\\x1b") && Contains("env -u EVIL"));
  request.filter = "^EVIL$";
  CHECK(has(compose_environment(ann, request), "FINE=a\tb\nc"));
  request.preserve = false;
  request.filter.clear();
  CHECK(refusal(request) == "accepted");
  request.terminal_type = "xterm\x1b[2J";
  CHECK_THAT(refusal(request), Contains("variable TERM"));
}

TEST_CASE("what is set wins over everything but the session's own, with any value") {
  EnvironmentRequest request;
  request.preserve = true;
  request.callers = {"A=callers", "FILTERED=callers"};
  request.filter = "^FILTERED$";
  request.terminal_type = "xterm";
  request.language = "C";
  request.extra = {{"SCHROOT_USER", "ann"}};
  CHECK(has(compose_environment(ann, request), "LANG=C"));
  request.set = {"A=first", "A=set", "FILTERED=set", "LANG=POSIX", "PATH=/x", "E=", "V=\x1b=\xff"};
  for (const auto& user : {ann, root}) {
    const auto environment = compose_environment(user, request);
    for (const char* variable : {"A=set", "FILTERED=set", "LANG=POSIX", "PATH=/x", "TERM=xterm", "E=", "V=\x1b=\xff"})
      CHECK(has(environment, variable));
  }
  for (const char* bad : {"NOVALUE", "=x", "", "a.b=c", "9x=1"}) {
    request.set = {bad};
    CHECK_THAT(refusal(request), Contains("InvalidArgument") && Contains("NAME=VALUE"));
  }
  for (const char* own : {"SCHROOT_USER=x", "SCHROOT_COMMAND=x", "UNIONROOT_SESSION=x"}) {
    request.set = {own};
    CHECK_THAT(refusal(request), Contains("InvalidArgument") && Contains("cannot be set"));
  }
}

TEST_CASE("a filter that is no regular expression is the definition's fault") {
  EnvironmentRequest request;
  request.preserve = true;
  request.filter = "(";
  CHECK_THAT(refusal(request), Contains("DefinitionInvalid") && Contains("environment-filter"));
}

TEST_CASE("arguments have limits") {
  CHECK_NOTHROW(check_arguments(std::vector<std::string>(1000, "argument"), {"A=b"}));
  CHECK_NOTHROW(check_arguments({"x", std::string(131071, 'a'), ""}, {}));
  CHECK_THROWS_WITH(check_arguments({"x", std::string(131072, 'a')}, {}), Contains("argument 1 is 131072 bytes"));
  CHECK_THROWS_WITH(check_arguments({"x"}, {std::string(131072, 'a')}), Contains("environment variable 0"));
  CHECK_THROWS_WITH(check_arguments(std::vector<std::string>(20, std::string(120000, 'a')), {}),
                    Contains("in all") || Contains("take "));
  CHECK_THROWS_WITH(check_arguments({}, {}), Contains("no command"));
  CHECK_THROWS_WITH(check_arguments({""}, {}), Contains("empty"));
  CHECK_THROWS_WITH(check_arguments({"x", std::string("a\0b", 3)}, {}), Contains("NUL"));
}
