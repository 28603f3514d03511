// Who may do what: schroot's rules over a definition's lists. Pure: the user database comes in by interface.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/access/consent.h"
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

// A session, for those who are asked whether somebody may use it.
struct SessionMeant {
  std::string id;
  std::int64_t begun = 0;
};

struct AccessQuestion {
  HostUser caller;
  uid_t target = 0;
  std::string target_name;                             // for messages
  std::string doing;                                   // "begin a session on chroot 'sid'"
  const definition::Definition* definition = nullptr;  // as it is now
  bool source = false;  // the definition is a source variant: in the file its lists are source-...
  // In a session: the lists that it was begun with. Both they and those of today must allow.
  const definition::AccessLists* begun_with = nullptr;
  std::optional<SessionMeant> session = std::nullopt;
  bool permitted_to_enter = false;  // by polkit: he counts as one of today's users, as its owner does among the first
};

// Throws Error(access_denied): who asked for what, and which key of which definition would permit it. Throws Liftable
// where schroot would ask for a password, if polkit has not permitted that.
void require_access(const AccessQuestion& question, const UserDatabase& users, const Consents& consents);

// Whoever began it, told by name and uid.
bool owns(const HostUser& caller, uid_t owner, const std::string& owner_name);

// Why somebody else may not do that, and what to do.
base::Error refusal_of_other(const HostUser& caller, const std::string& doing, const std::string& session, uid_t owner,
                             const std::string& owner_name);

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
