// Who may do what: schroot's rules over a definition's lists. Pure: the user database comes in by interface.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "daemon/users.h"
#include "definition/definition.h"

namespace unionroot::daemon {

enum class Verdict {
  allowed,
  needs_authentication,  // schroot would ask PAM for a password: polkit is asked
  refused,
};

// The table of docs/unionrootd.8. `owner`: the caller owns the session in question, and so counts as one of `users`.
Verdict judge(const HostUser& caller, uid_t target, const definition::AccessLists& lists, const UserDatabase& users,
              bool owner = false);

// Who is asked when the lists alone do not permit something. `absent` is the answer of a machine without it.
class Authority {
 public:
  virtual ~Authority() = default;
  enum class Answer { yes, no, absent };
  // May block for as long as a person takes to answer.
  virtual Answer ask(const HostUser& caller, pid_t pid, const std::string& what) = 0;
};

// Nobody is there to ask.
class NoAuthority final : public Authority {
 public:
  Answer ask(const HostUser&, pid_t, const std::string&) override { return Answer::absent; }
};

struct AccessQuestion {
  HostUser caller;
  pid_t pid = 0;
  uid_t target = 0;
  std::string target_name;                             // for messages
  std::string doing;                                   // "begin a session on chroot 'sid'"
  const definition::Definition* definition = nullptr;  // as it is now
  bool source = false;  // the definition is a source variant: in the file its lists are source-...
  // In a session, which the caller owns: the lists that it was begun with. Both they and those of today must allow.
  const definition::AccessLists* begun_with = nullptr;
};

// Throws Error(access_denied): who asked for what, and which key of which definition would permit it.
void require_access(const AccessQuestion& question, const UserDatabase& users, Authority& authority);

// A session belongs to whoever began it: he and root may run in it, end it and recover it. The owner is told by name
// and by uid, since a uid may be given to another when an account has gone. Throws Error(access_denied).
void require_owner(const HostUser& caller, const std::string& doing, const std::string& session, uid_t owner,
                   const std::string& owner_name);

// The keys of `user-data` that this caller may set. Throws Error(access_denied) naming the key, and
// Error(invalid_argument) for one that is malformed.
void require_user_data(const HostUser& caller, const definition::Definition& definition,
                       const std::map<std::string, std::string>& user_data);

// "FILE:LINE" of a definition, or "built in".
std::string place_of(const definition::Definition& definition);

}  // namespace unionroot::daemon
