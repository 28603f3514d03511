// Doing something for several sessions, one after another.
#include "cli/sessions.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "base/unique_fd.h"
#include "cli/exit_status.h"

using namespace unionroot;
using namespace unionroot::cli;
using Catch::Matchers::Contains;

namespace {

// Standard error is a terminal for as long as this is there.
class TerminalForErrors {
 public:
  TerminalForErrors() : former_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    int main = -1, side = -1;
    REQUIRE(::openpty(&main, &side, nullptr, nullptr, nullptr) == 0);
    main_.reset(main);
    ::fcntl(main, F_SETFL, O_NONBLOCK);
    ::dup2(side, STDERR_FILENO);
    ::close(side);
  }
  TerminalForErrors(const TerminalForErrors&) = delete;
  TerminalForErrors& operator=(const TerminalForErrors&) = delete;
  ~TerminalForErrors() { ::dup2(former_.get(), STDERR_FILENO); }

  std::string seen() {
    char buffer[4096];
    for (ssize_t size; (size = ::read(main_.get(), buffer, sizeof buffer)) > 0;)
      text_.append(buffer, static_cast<std::size_t>(size));
    return text_;
  }

 private:
  base::UniqueFd former_, main_;
  std::string text_;
};

}  // namespace

TEST_CASE("sessions that are quick each, and slow together, show progress; a failure stands on a line of its own") {
  TerminalForErrors terminal;
  const auto status = for_each_session("end", "ending", {"a", "b", "c"}, false, [&](const std::string& session) {
    if (session != "a") return;
    CHECK(terminal.seen().empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  });
  CHECK(status == success);
  const auto seen = terminal.seen();
  CHECK_THAT(seen, Contains("\rending b (2 of 3) ... ") && Contains(" s\033[K"));
  CHECK_THAT(seen, Catch::Matchers::EndsWith("\r\033[K"));  // the line is gone at the end
}

TEST_CASE("each session is tried, and each failure is told with the verb") {
  TerminalForErrors terminal;
  std::string tried;
  const auto status = for_each_session("end", "ending", {"a", "b", "c"}, false, [&](const std::string& session) {
    tried += session;
    if (session == "a") std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    if (session == "b") throw base::Error(base::ErrorCode::no_such_session, "no session b", "look at the list");
  });
  CHECK(status == failure);
  CHECK(tried == "abc");
  CHECK_THAT(terminal.seen(), Contains("\r\033[Kunionroot: end: no session b\r\n  look at the list\r\n"));
}
