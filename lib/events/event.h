// What happens to sessions and chroots, as plain values: who did what. The journal is made from them.
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
  request_failed,     // refused, or it came to nothing
  request_permitted,  // by polkit
  requests_untold,    // further requests that failed
  chroot_defined,
  chroot_changed,
  chroot_removed,
  chroot_problem,  // with its definition, or with a file of the configuration
};

// syslog(3)
enum class Priority { error = 3, warning = 4, notice = 5, info = 6 };

struct User {
  std::optional<uid_t> uid;
  std::string name;  // empty: it is not known
  [[nodiscard]] std::string text() const;
};

// What does not belong to its kind is empty.
struct Event {
  explicit Event(Kind what) : kind(what) {}
  Kind kind;
  std::string session;
  std::string chroot;
  bool source = false;        // the session changes the chroot's source
  std::optional<User> who;    // asked for it; nullopt: the daemon did it by itself
  std::optional<User> owner;  // of the session
  std::string run;
  std::string command;          // for people: escaped, and cut
  std::optional<User> becomes;  // as whom the command runs, if that is another than who asked for it
  bool by_force = false;
  std::string request;  // that failed: "begin", "run" ...
  std::string asked;    // what for, as it was written: a chroot or a session
  std::string error;    // what was wrong, or what is to be said
  std::optional<base::ErrorCode> code;
  std::optional<Priority> severity;  // of a problem
  std::uint64_t count = 0;           // of requests_untold
};

std::string name_of(Kind kind);  // "session-begun"
Priority priority_of(const Event& event);
// One line, without control characters.
std::string text_of(const Event& event);
// Name and value of each field of the journal but MESSAGE and PRIORITY; none has a control character.
std::vector<std::pair<std::string, std::string>> fields_of(const Event& event);

}  // namespace unionroot::events
