// Access rules: those of schroot, on a definition's lists. Pure: the user database is an interface.
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
  needs_authentication,  // schroot would ask PAM for a password; here polkit is asked
  refused,
};

// The table of docs/unionrootd.8. owner: the caller counts as one of `users`, as a session's owner does.
Verdict judge(const HostUser& caller, uid_t target, const definition::AccessLists& lists, const UserDatabase& users,
              bool owner = false);

// The session in a question of access.
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
  bool source = false;                                 // the source is meant: its lists in the file are source-...
  // For a session: the lists from its begin, where the caller counts as one of `users`. Both they and the present lists
  // must allow the access.
  const definition::AccessLists* begun_with = nullptr;
  std::optional<SessionMeant> session = std::nullopt;
  bool permitted_to_enter = false;  // polkit permitted to enter: the caller counts as one of the present `users`
};

// Throws Error(access_denied) that names the caller, the request, and the key of the definition that would permit it.
// Throws Liftable if schroot would ask for a password and polkit has not permitted the request.
void require_access(const AccessQuestion& question, const UserDatabase& users, const Consents& consents);

// True if the caller has the owner's name and uid.
bool owns(const HostUser& caller, uid_t owner, const std::string& owner_name);

// The error for a caller who is not the owner.
base::Error refusal_of_other(const HostUser& caller, const std::string& doing, const std::string& session, uid_t owner,
                             const std::string& owner_name);

// Throws Error(access_denied) unless the caller is the owner or root. The owner is compared by name and uid, since a
// removed account's uid may be given to another account.
void require_owner(const HostUser& caller, const std::string& doing, const std::string& session, uid_t owner,
                   const std::string& owner_name);

// Checks the keys of `user-data` that the caller sets. Throws Error(access_denied) that names the key, or
// Error(invalid_argument) for a malformed key.
void require_user_data(const HostUser& caller, const definition::Definition& definition,
                       const std::map<std::string, std::string>& user_data);

// "FILE:LINE" of a definition, or "built in".
std::string place_of(const definition::Definition& definition);

}  // namespace unionroot::daemon
