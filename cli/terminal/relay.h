// The client's end of a run. It passes on signals, and bytes if there is a terminal, until the command has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "terminal/time_limit.h"

namespace unionroot::terminal {

struct WindowSize {
  unsigned short rows = 24;
  unsigned short columns = 80;
};

// The size of the terminal on standard input; 24 by 80 if it is no terminal or has no size.
WindowSize window_size();

// True if standard input and output are both terminals. A run gets a terminal of its own then.
bool wants_terminal();

struct Outcome {
  enum class Kind {
    exited,  // value: the command's exit status
    killed,  // value: the signal that ended it
    failed,  // value: 125, 126 or 127; text and hint say why
    lost,    // the supervisor ended without sending an outcome
  };
  Kind kind = Kind::lost;
  int value = 0;
  std::string text;
  std::string hint;
  // The session that was begun for the command is a source session. packed: its source is a tarball, which is packed at
  // the session's end.
  bool of_source = false;
  bool packed = false;
  // The session that was begun for the command has ended. Only set for source sessions.
  bool session_ended = false;
  // The command exceeded its time limit, and was told to end.
  bool timed_out = false;
  // Why the session could not be ended, and what to do. Empty: no failure was reported.
  std::string not_ended = {};
  std::string not_ended_hint = {};

  // The command's own status; 128+N if signal N killed it; 124 if it took too long; 125, 126 or 127.
  [[nodiscard]] int exit_status() const;
};

// Shows how the session ends, after the command has ended. Both functions may be empty.
struct Ending {
  // done, total: bytes; 0 if unknown. It may be called often.
  std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)> advance;
  std::function<void()> tick;  // five times a second, once `advance` was called
};

using Warn = std::function<void(std::string_view text)>;

// Details for a client that has its own texts, beside the texts that are for people.
struct Detail {
  enum class Kind {
    no_directory,     // text: the wanted directory; error: why it cannot be used
    other_directory,  // text: the directory that is used instead
    no_command,       // text: the command; error: why it cannot be executed
    no_shell,         // text: a shell that cannot be used; error: why not
    the_shell,        // text: the shell that is run; login: as a login shell; another: it is not the first choice
    verbosity,        // text: message-verbosity of the definition
  };
  Kind kind = Kind::no_directory;
  int error = 0;  // an errno
  bool login = false, another = false;
  std::string text = {};
};
using Tell = std::function<void(const Detail&)>;

// Relays until the end of the control socket. For an automatic session that is after the session's end. terminal: the
// run has a pseudo-terminal. Then this process's terminal is in raw mode meanwhile, and is restored on every way out.
// A signal that asks this process to end is passed on to the command. With a terminal it ends this process, after the
// terminal was restored. After the command has ended, such a signal asks the daemon to cancel slow parts of the
// session's end, such as packing a tarball. Throws Error if relaying is impossible.
// tell: called for each detail, before the warning or outcome that says the same. limit: for the command alone; the
// session's end has no limit.
Outcome relay_run(base::UniqueFd control, bool terminal, const Warn& warn, const Ending& ending = {},
                  const Tell& tell = {}, const std::optional<TimeLimit>& limit = {});

// Waits until the command of a detached run has been executed, and calls `started`. Then the run continues without this
// process. If `started` throws, or this process ends before, the run ends. nullopt: it continues.
std::optional<Outcome> detach_run(base::UniqueFd control, const Warn& warn, const std::function<void()>& started);

// The outcome of a run whose supervisor ended without a message.
Outcome lost_run();

// Relays as relay_run does, prints messages on standard error ("E: ...", "I: ...", "W: ..."), and returns the exit
// status.
int relay(base::UniqueFd control, bool terminal);

}  // namespace unionroot::terminal
