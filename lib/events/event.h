// Events of sessions and chroots, as plain values. Journal entries are made from them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace unionroot::events {

enum class Kind {
  session_begun,
  session_ended,
  session_failed,
  session_recovered,
  run_started,
  run_ended,          // its command has: `ended`. Not for the journal: the history has it
  request_failed,     // refused or failed
  request_permitted,  // by polkit
  requests_untold,    // a count of failed requests that are not logged one by one
  chroot_defined,
  chroot_changed,
  chroot_removed,
  chroot_problem,  // a problem in a definition or a configuration file
};

// syslog(3)
enum class Priority { error = 3, warning = 4, notice = 5, info = 6 };

struct User {
  std::optional<uid_t> uid;
  std::string name;  // empty if unknown
  [[nodiscard]] std::string text() const;
};

// How a command has ended, as in the history.
struct CommandEnd {
  std::string how;  // "exited", "killed" ...
  int value = 0;
  bool timed_out = false, out_of_memory = false;
};

// Fields that do not belong to the kind are empty.
struct Event {
  explicit Event(Kind what) : kind(what) {}
  Kind kind;
  std::string session;
  std::string chroot;
  bool source = false;        // the session changes the chroot's source
  std::optional<User> who;    // the user who asked; nullopt: the daemon itself
  std::optional<User> owner;  // of the session
  std::string run;
  std::string command;          // for people: escaped and shortened
  std::optional<User> becomes;  // the user that the command runs as, if it is not `who`
  bool by_force = false;
  std::string request;  // the failed request: "begin", "run" ...
  std::string asked;    // its object as the user wrote it: a chroot or a session
  std::string error;    // the error; for a problem, the whole message
  std::optional<base::ErrorCode> code;
  std::optional<Priority> severity;  // of a chroot_problem
  std::uint64_t count = 0;           // of requests_untold
  std::optional<CommandEnd> ended = {};
};

std::string name_of(Kind kind);  // "session-begun"
Priority priority_of(const Event& event);
// One line, without control characters.
std::string text_of(const Event& event);
// Name and value of each journal field except MESSAGE and PRIORITY. Values have no control characters.
std::vector<std::pair<std::string, std::string>> fields_of(const Event& event);

}  // namespace unionroot::events
