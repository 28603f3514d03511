// The client's end of a run: passes on signals and, with a terminal, bytes, until the command has ended.
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

// Of the terminal on standard input; the usual 24 by 80 if it is none or does not know.
WindowSize window_size();

// True if standard input and output are both terminals: then a run gets one of its own.
bool wants_terminal();

struct Outcome {
  enum class Kind {
    exited,  // value: the command's exit status
    killed,  // value: the signal that ended it
    failed,  // value: 125, 126 or 127; text and hint say why
    lost,    // the supervisor ended without a word
  };
  Kind kind = Kind::lost;
  int value = 0;
  std::string text;
  std::string hint;
  // The session that was begun for the command is on a source. packed: that is a tarball, which is packed at the end.
  bool of_source = false;
  bool packed = false;
  // The session that was begun for the command has ended. Said of sessions on a source alone.
  bool session_ended = false;
  // It took longer than it may, and was told to end.
  bool timed_out = false;
  // It could not be ended: why, and what to do. Empty: nothing is known of that.
  std::string not_ended = {};
  std::string not_ended_hint = {};

  // The command's own; 128+N; 124 if it took too long; 125, 126 or 127.
  [[nodiscard]] int exit_status() const;
};

// How its session ends, after the command has. Both may be empty.
struct Ending {
  // done, total: bytes; 0 where they are not known. May come often.
  std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)> advance;
  std::function<void()> tick;  // five times a second, once `advance` was called
};

using Warn = std::function<void(std::string_view text)>;

// What a client with words of its own wants to know beside what is said for people.
struct Detail {
  enum class Kind {
    no_directory,     // text: what was asked for; error: why not
    other_directory,  // text: what is used instead
    no_command,       // text: the command; error: why it cannot be executed
    no_shell,         // text: a shell that is not there; error
    the_shell,        // text: the shell that is run; login, another: than the first that was to be taken
    verbosity,        // text: message-verbosity of the definition
  };
  Kind kind = Kind::no_directory;
  int error = 0;  // an errno
  bool login = false, another = false;
  std::string text = {};
};
using Tell = std::function<void(const Detail&)>;

// Relays until the control socket has ended, which for an automatic session is after the session has. `terminal`: the
// run has a pseudo-terminal; then this process's terminal is in raw mode meanwhile, and restored on every way out.
// A signal that asks this process to end is passed on to the command, or, with a terminal, ends this process after
// the terminal was restored. Once the command has ended, such a signal asks the daemon to cancel what takes long of
// ending the session (packing a tarball). Throws Error if relaying itself is impossible.
// tell: of each detail, before the warning or the outcome that says the same. limit: of the command alone; what its
// session takes to end has none.
Outcome relay_run(base::UniqueFd control, bool terminal, const Warn& warn, const Ending& ending = {},
                  const Tell& tell = {}, const std::optional<TimeLimit>& limit = {});

// The same with messages on standard error ("E: ...", "I: ...", "W: ...") and the exit status.
int relay(base::UniqueFd control, bool terminal);

}  // namespace unionroot::terminal
