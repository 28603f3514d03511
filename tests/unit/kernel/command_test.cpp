// Programs that the daemon runs: their output, their end, and that nothing of them is left.
#include "kernel/command.h"

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>

#include "base/error.h"

using namespace unionroot;
using kernel::Command;
using kernel::ProcessEnd;
using How = kernel::ProcessEnd::How;
using kernel::run_command;
using kernel::run_or_throw;
using std::chrono::milliseconds;

namespace {

Command command(std::vector<std::string> words, milliseconds limit = milliseconds(20'000)) {
  Command wanted;
  wanted.words = std::move(words);
  wanted.limit = limit;
  return wanted;
}

base::Error error_of(const Command& wanted) {
  try {
    run_or_throw(wanted);
  } catch (const base::Error& error) {
    return error;
  }
  FAIL("no error");
  return {base::ErrorCode::failed, ""};
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

}  // namespace

TEST_CASE("output, errors and status of a command") {
  CHECK(run_or_throw(command({"echo", "a  b", "*"})) == "a  b *\n");  // no shell between
  const auto result = run_command(command({"sh", "-c", "echo out; echo one >&2; printf 'two\\033' >&2; exit 3"}));
  CHECK(result.end == ProcessEnd{How::exited, 3});
  CHECK(result.output == "out\n");
  CHECK(result.errors == "one; two\\x1b");
  CHECK(run_command(command({"sh", "-c", "kill -9 $$"})).end == ProcessEnd{How::killed, 9});
  CHECK(run_command(command({"sh", "-c", "exit 137"})).end == ProcessEnd{How::exited, 137});
  CHECK_FALSE(has_children());
}

TEST_CASE("its environment and its standard input are not the daemon's") {
  ::setenv("UNIONROOT_SECRET", "x", 1);
  CHECK(run_or_throw(command({"env"})) == "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
  CHECK(run_or_throw(command({"cat"})).empty());
}

TEST_CASE("more output than is kept does not stop it") {
  const auto result =
      run_command(command({"sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero | tr '\\0' e >&2"}));
  CHECK(result.end.succeeded());
  CHECK(result.output.size() == std::size_t{64} << 10);
  CHECK(result.errors.size() <= 4096);
}

TEST_CASE("what a command leaves in the background is not waited for, and is not killed") {
  auto wanted = command({"sh", "-c", "sleep 6000 & echo $!"}, milliseconds(600'000));
  const auto result = run_command(wanted);
  CHECK(result.end.succeeded());
  const auto left = static_cast<pid_t>(std::stol(result.output));
  CHECK(::kill(left, 0) == 0);
  CHECK(::kill(left, SIGKILL) == 0);
}

TEST_CASE("a command that fails says why") {
  const auto error = error_of(command({"sh", "-c", "echo broken >&2; exit 4"}));
  CHECK(std::string(error.what()).find(" ended with status 4: broken") != std::string::npos);
  CHECK(std::string(error_of(command({"sh", "-c", "kill -9 $$"})).what()) == "sh -c kill -9 $$ was killed by signal 9");
}

TEST_CASE("a program that is not installed is named with its package, and no path is followed to it") {
  auto missing = command({"unionroot-no-such-program"});
  missing.package = "some-package";
  const auto error = error_of(missing);
  CHECK(error.code() == base::ErrorCode::not_supported);
  CHECK(std::string(error.what()) == "the program unionroot-no-such-program is not installed");
  CHECK(error.hint() == "apt-get install some-package");
  CHECK(kernel::find_program("sh") == "/usr/bin/sh");
}

TEST_CASE("a command that takes too long is killed with all that it started") {
  const auto error = error_of(command({"sh", "-c", "sleep 6000 & sleep 6000"}, milliseconds(200)));
  CHECK(error.code() == base::ErrorCode::timed_out);
  CHECK_FALSE(has_children());
}

TEST_CASE("a command can be cancelled") {
  auto cancelled = command({"sleep", "6000"});
  int asked = 0;
  cancelled.cancelled = [&] { return ++asked > 2; };
  CHECK(error_of(cancelled).code() == base::ErrorCode::cancelled);
  CHECK_FALSE(has_children());
}

TEST_CASE("words are split at blanks alone") {
  CHECK(kernel::split_words("  --size\t2G  '$(x)' ") == std::vector<std::string>{"--size", "2G", "'$(x)'"});
  CHECK(kernel::split_words("").empty());
}
