// Options from strangers.
#include "daemon/calls.h"

#include <sdbus-c++/sdbus-c++.h>

#include <catch2/catch.hpp>
#include <limits>

#include "base/error.h"

using namespace unionroot;
using daemon::Dictionary;
using sdbus::Variant;

namespace {

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::invalid_argument);
    return std::string(error.what()) + "\n" + error.hint();
  }
  FAIL("it was taken");
  throw std::logic_error("unreachable");
}

std::string begin_refusal(const Dictionary& options) {
  return refusal([&] { daemon::parse_begin("sid", options); });
}

std::string run_refusal(const Dictionary& options) {
  return refusal([&] { daemon::parse_run("sid", {"true"}, options); });
}

using Bytes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("an unknown option is refused, with its name and the known ones") {
  const auto text = begin_refusal({{"nmae", Variant(std::string("x"))}});
  CHECK(text == "Begin does not know the option 'nmae'\nit knows: name, wait, user-data, progress");
  CHECK(refusal([] {
          daemon::parse_recover({{"force", Variant(true)}});
        }) == "Recover does not know the option 'force'\nit knows: progress");
  CHECK(begin_refusal({{"e\x1b[1m", Variant(true)}}).find('\x1b') == std::string::npos);
}

TEST_CASE("an option of the wrong type is refused, with what it must be") {
  CHECK(begin_refusal({{"name", Variant(std::int32_t{7})}}) ==
        "Begin: the option 'name' is of type 'i'\nit must be a string (s), or bytes (ay)");
  CHECK(begin_refusal({{"wait", Variant(std::string("5"))}}).find("it must be an integer (x)") != std::string::npos);
  CHECK(run_refusal({{"terminal", Variant(std::int32_t{1})}}).find("it must be a boolean (b)") != std::string::npos);
  CHECK(run_refusal({{"environment", Variant(std::string("A=b"))}}).find("it must be strings (as)") !=
        std::string::npos);
  CHECK(run_refusal({{"user-data", Variant(std::vector<std::string>{})}}).find("a{ss}") != std::string::npos);
}

TEST_CASE("wait: absent and 0 do not wait, -1 waits without end, any integer type will do") {
  CHECK_FALSE(daemon::parse_begin("sid", {}).wait);
  CHECK_FALSE(daemon::parse_begin("sid", {{"wait", Variant(std::int64_t{0})}}).wait);
  CHECK(daemon::parse_begin("sid", {{"wait", Variant(std::int64_t{-1})}}).wait->count() == -1);
  CHECK(daemon::parse_begin("sid", {{"wait", Variant(std::uint32_t{500})}}).wait->count() == 500);
  CHECK(daemon::parse_begin("sid", {{"wait", Variant(std::int32_t{500})}}).wait->count() == 500);
  begin_refusal({{"wait", Variant(std::int64_t{-2})}});
  begin_refusal({{"wait", Variant(std::numeric_limits<std::int64_t>::max())}});
  begin_refusal({{"wait", Variant(std::numeric_limits<std::uint64_t>::max())}});
}

TEST_CASE("sizes of a terminal fit in what the kernel keeps them in") {
  const auto call = daemon::parse_run("sid", {},
                                      {{"rows", Variant(std::uint16_t{50})},
                                       {"columns", Variant(std::uint16_t{65535})},
                                       {"terminal", Variant(true)},
                                       {"term", Variant(std::string("xterm"))}});
  CHECK(call.rows == 50);
  CHECK(call.columns == 65535);
  CHECK(call.terminal_type == "xterm");
  run_refusal({{"rows", Variant(std::int32_t{65536})}});
  run_refusal({{"rows", Variant(std::int32_t{-1})}});
}

TEST_CASE("a command needs the caller's directory, a login shell falls back, a directory by name is required") {
  const Variant here(std::string("/home/a"));
  auto call = daemon::parse_run("sid", {"true"}, {{"caller-directory", here}});
  CHECK(call.directory == "/home/a");
  CHECK(call.directory_required);
  call = daemon::parse_run("sid", {}, {{"caller-directory", here}});
  CHECK_FALSE(call.directory_required);
  call = daemon::parse_run("sid", {}, {{"caller-directory", here}, {"directory", Variant(std::string("/srv"))}});
  CHECK(call.directory == "/srv");
  CHECK(call.directory_required);
}

TEST_CASE("what is not UTF-8 comes as bytes, and takes no NUL") {
  const Bytes latin{'A', '=', 0xe4};
  auto call = daemon::parse_run("sid", {},
                                {{"environment", Variant(std::vector<Bytes>{latin})},
                                 {"arguments", Variant(std::vector<Bytes>{{'l', 's'}, {0xff}})},
                                 {"directory", Variant(Bytes{'/', 0xfc})}});
  CHECK(call.environment == std::vector<std::string>{"A=\xe4"});
  CHECK(call.arguments == std::vector<std::string>{"ls", "\xff"});
  CHECK(call.directory == "/\xfc");
  CHECK(run_refusal({{"arguments", Variant(std::vector<Bytes>{{'a', 0, 'b'}})}}).find("NUL") != std::string::npos);
  CHECK(run_refusal({{"directory", Variant(Bytes{'/', 0})}}).find("NUL") != std::string::npos);
}

TEST_CASE("strings are bounded") {
  CHECK_NOTHROW(daemon::parse_run("sid", {}, {{"directory", Variant(std::string(4096, 'd'))}}));
  CHECK(run_refusal({{"directory", Variant(std::string(4097, 'd'))}}).find("at most 4096") != std::string::npos);
  run_refusal({{"user", Variant(std::string(257, 'u'))}});
  begin_refusal({{"name", Variant(std::string(257, 'n'))}});
  std::map<std::string, std::string> pairs;
  for (int i = 0; i < 65; ++i) pairs["k." + std::to_string(i)] = "v";
  CHECK(begin_refusal({{"user-data", Variant(pairs)}}).find("at most 64") != std::string::npos);
  begin_refusal({{"user-data", Variant(std::map<std::string, std::string>{{"a.b", std::string(4097, 'x')}})}});
}

TEST_CASE("End: force") {
  CHECK_FALSE(daemon::parse_end({}).force);
  CHECK(daemon::parse_end({{"force", Variant(true)}}).force);
  refusal([] { daemon::parse_end({{"force", Variant(std::string("yes"))}}); });
}

TEST_CASE("progress: a number of the caller's, in every call that may take long") {
  CHECK_FALSE(daemon::parse_begin("sid", {}).progress);
  const Dictionary wish{{"progress", Variant(std::uint32_t{0xffffffff})}};
  CHECK(daemon::parse_begin("sid", wish).progress == 0xffffffff);
  CHECK(daemon::parse_run("sid", {"true"}, wish).progress == 0xffffffff);
  CHECK(daemon::parse_end(wish).progress == 0xffffffff);
  CHECK(daemon::parse_recover(wish).progress == 0xffffffff);
  CHECK(daemon::parse_begin("sid", {{"progress", Variant(std::int64_t{0})}}).progress == 0);
  begin_refusal({{"progress", Variant(std::int64_t{-1})}});
  begin_refusal({{"progress", Variant(std::int64_t{0x100000000})}});
  begin_refusal({{"progress", Variant(true)}});
}
