#include "base/fault_delay.h"

#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <string>

#include "base/fault_point.h"

using namespace unionroot::base;

TEST_CASE("delays are pseudo-random, up to a limit, and the same for the same seed") {
  constexpr FaultDelay delay("2000,7");
  STATIC_REQUIRE(delay.any());
  std::uint64_t longest = 0;
  std::uint64_t shortest = 2000;
  bool differs = false;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    longest = std::max(longest, delay.at(number));
    shortest = std::min(shortest, delay.at(number));
    CHECK(delay.at(number) == FaultDelay("2000,7").at(number));
    differs = differs || delay.at(number) != FaultDelay("2000,8").at(number);
  }
  CHECK(longest <= 2000);
  CHECK(longest > 1900);
  CHECK(shortest < 100);
  CHECK(differs);
}

TEST_CASE("what is no delay is none") {
  CHECK_FALSE(FaultDelay(nullptr).any());
  for (const char* text : {"", "0", "x", "-1", "1,", "1,x", "1 ", "1,2,3", ",1", "60000001", "18446744073709551617"}) {
    INFO(text);
    CHECK_FALSE(FaultDelay(text).any());
    CHECK(FaultDelay(text).at(3) == 0);
  }
}

#ifdef UNIONROOT_FAULT_POINTS

namespace {

constexpr std::uint64_t points = 200;

// The hidden test below, in a process of its own: the environment is read once. Its wait status.
int pass_points(const char* delay) {
  std::string variable = std::string(fault_delay_variable) + "=" + delay;
  std::array<char*, 2> environment{variable.data(), nullptr};
  std::array<std::string, 2> words{"test", "passing fault points"};
  std::array<char*, 3> arguments{words[0].data(), words[1].data(), nullptr};
  pid_t pid = -1;
  REQUIRE(::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data()) == 0);
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

TEST_CASE("passing fault points", "[.]") {
  const FaultDelay delay(std::getenv(fault_delay_variable));
  std::uint64_t expected = 0;
  for (std::uint64_t number = 0; number < points; ++number) expected += delay.at(number);
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t number = 0; number < points; ++number) fault_point("in a test");
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::microseconds(expected));
}

TEST_CASE("each fault point waits, armed or not, and no nonsense is taken for a delay") {
  CHECK(pass_points("1000,1") == 0);
  CHECK(WIFSIGNALED(pass_points("soon")));
}

#endif
