// The control socket between the client and a run's supervisor: SOCK_SEQPACKET, one message a packet, host byte order
// (both ends are on one machine). Either side may be of another version: an unknown type is ignored.
#pragma once

#include <stddef.h>  // NOLINT(modernize-deprecated-headers)
#include <stdint.h>  // NOLINT(modernize-deprecated-headers)
#include <string.h>  // NOLINT(modernize-deprecated-headers)

namespace unionroot::launch::control {

enum class Type : uint32_t {
  // client to supervisor
  signal = 1,       // value: signal number, sent to the command's process group
  window_size = 2,  // value: rows << 16 | columns
  // the daemon to the supervisor, before the client gets the socket
  go = 3,  // the run is recorded: the command is executed
  // client to the daemon, once it has had `exited` or `killed`: the supervisor reads nothing any more
  cancel = 4,  // what takes long of ending its automatic session is cancelled, where that can be: packing a tarball
  // client to supervisor
  kill_all = 5,   // the command is killed, with all that it started and is left
  timed_out = 6,  // the command took longer than its client allows: for the record; the client ends it
  detach = 7,     // of a detached run: it goes on when the client goes
  // supervisor to client
  started = 16,  // value: pid of the command (as the host sees it); with a terminal, SCM_RIGHTS: the master
  exited = 17,   // value: exit status 0-255
  killed = 18,   // value: signal number
  failed = 19,   // value: exit status for the client (125, 126, 127); text: what went wrong
  warning = 20,  // text: for the client's stderr ("W: falling back to directory ...")
  stopped = 21,  // with a terminal: the command has stopped, as by Ctrl-Z. value: signal number
  // the daemon to the client, while it ends the automatic session of a command that has ended
  progress = 22,   // text: "DONE TOTAL WHAT": bytes, 0 where they are not known, and what is being done
  not_ended = 23,  // text: the session could not be ended, why, and after a newline what to do
  ended = 24,      // a source session has ended, and its changed tarball is packed
  // the daemon to the client, before `started`
  source =
      25,  // the session that was begun for the command is on a source; value: 1 if that is a tarball, which is packed
  // the supervisor to the client, right before the `failed` or `warning` that says the same for people
  no_directory = 26,     // value: errno; text: a directory that was tried; one message for each
  other_directory = 27,  // text: the directory that is used instead
  no_command = 28,       // value: errno; text: the command that cannot be executed
  // the daemon to the client, before `started`
  no_shell = 29,   // value: errno; text: a shell that was to be the command and is not there
  the_shell = 30,  // text: the shell that is the command; value: of what_shell
  verbosity = 31,  // text: message-verbosity of the definition, where it is not "normal"
};

// Bits of the value of the_shell.
inline constexpr uint32_t is_login_shell = 1, is_another_shell = 2;

inline constexpr uint32_t longest_text = 1024;

struct Message {
  Type type;
  uint32_t value;
  char text[longest_text];  // NUL-terminated; packets may be cut after the NUL
};

// Fills it; returns the size of the packet. Text that is too long is cut.
inline size_t fill(Message& message, Type type, uint32_t value = 0, const char* text = "") {
  message.type = type;
  message.value = value;
  const size_t length = ::strnlen(text, longest_text - 1);
  ::memcpy(message.text, text, length);
  message.text[length] = '\0';
  return offsetof(Message, text) + length + 1;
}

}  // namespace unionroot::launch::control
