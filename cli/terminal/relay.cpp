#include "terminal/relay.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/text.h"
#include "terminal/control_channel.h"
#include "terminal/pty_relay.h"
#include "terminal/signals.h"

namespace unionroot::terminal {

using launch::control::Type;

namespace {

bool asks_to_end(int number) { return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT; }

// Passes signals on to the command. The command is in another process session, which signals of our terminal do not
// reach. After the command has ended, a signal that asks to end goes to the daemon, which cancels slow parts of the
// session's end.
void pass_on(Signals& signals, ControlChannel& control) {
  while (const auto number = signals.take()) {
    if (*number == SIGALRM && control.time_is_up()) continue;
    if (control.outcome() && asks_to_end(*number)) {
      control.send(Type::cancel, 0);
      continue;
    }
    // The kernel ignores SIGTSTP in an orphaned process group, and the command's is one. SIGSTOP always stops it.
    control.send(Type::signal, static_cast<std::uint32_t>(*number == SIGTSTP ? SIGSTOP : *number));
    if (*number != SIGTSTP) continue;
    signals.act(SIGTSTP);
    control.send(Type::signal, SIGCONT);  // also if this process did not stop, because its own group is orphaned
  }
}

// Relays until the end of the socket. After the command's outcome it only waits until the session has ended. Signals
// are still handled, so that the exit status is the command's, or says that the session could not be ended.
void relay_messages(ControlChannel& control, const Ending& ending) {
  constexpr int tick_interval = 200;
  bool ticks = false;
  Signals signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGALRM};
  std::array<pollfd, 2> watched{pollfd{control.descriptor(), POLLIN, 0}, pollfd{signals.descriptor(), POLLIN, 0}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), ticks ? tick_interval : -1) < 0) {
      if (errno == EINTR) continue;
      base::throw_errno("waiting for the command");
    }
    base::fault_point("in the relay of a command");
    if (ticks && ending.tick) ending.tick();
    if (watched[1].revents != 0) pass_on(signals, control);
    if (watched[0].revents == 0) continue;
    if (!control.receive()) return;
    control.show_warning();
    ticks = control.show_progress(ending) || ticks;
  }
}

void say(std::string_view prefix, std::string_view text) {
  std::string lines;
  for (const auto& line : base::split(text, '\n')) lines += base::concat(prefix, base::printable(line), "\n");
  try {
    base::write_all(STDERR_FILENO, lines, "standard error");
  } catch (const base::Error&) {
    // Standard error cannot be written, so there is no way to report it. The exit status still tells.
  }
}

}  // namespace

WindowSize window_size() {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

bool wants_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

int Outcome::exit_status() const {
  constexpr int took_too_long = 124;  // as in timeout(1)
  if (timed_out) return took_too_long;
  switch (kind) {
    case Kind::exited:
    case Kind::failed: return value;
    case Kind::killed: return 128 + value;
    case Kind::lost: break;
  }
  return 125;
}

Outcome lost_run() {
  return {Outcome::Kind::lost, 0, "the session's supervisor ended unexpectedly",
          "look at the daemon's log ('journalctl -u unionrootd') and at 'unionroot list'"};
}

Outcome relay_run(base::UniqueFd control, bool terminal, const Warn& warn, const Ending& ending, const Tell& tell,
                  const std::optional<TimeLimit>& limit) {
  ControlChannel channel(std::move(control), warn, tell, limit);
  base::fault_point("before the relay of a command");
  if (terminal) relay_terminal(channel);
  base::fault_point("after the relay of a terminal");
  relay_messages(channel, ending);
  Outcome outcome = channel.outcome().value_or(lost_run());
  outcome.timed_out = channel.timed_out();
  outcome.of_source = channel.source_is_packed().has_value();
  outcome.packed = channel.source_is_packed().value_or(false);
  return outcome;
}

int relay(base::UniqueFd control, bool terminal) {
  const Outcome outcome = relay_run(std::move(control), terminal, [](std::string_view text) { say("W: ", text); });
  if (!outcome.text.empty()) say("E: ", outcome.text);
  if (!outcome.hint.empty()) say("I: ", outcome.hint);
  return outcome.exit_status();
}

}  // namespace unionroot::terminal
