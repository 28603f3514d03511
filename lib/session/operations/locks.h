// The locks that a session holds on the trees that it stands on.
#pragma once

#include <exception>
#include <string>

#include "session/parts.h"

namespace unionroot::session {

// When it begins.
void take_locks(Parts& parts, Operation& operation, locks::Wait wait, const Caller& caller);
// When a daemon takes it up, or it is recovered.
void hold_locks_again(Parts& parts, Operation& operation);
// When it ends.
void release_locks(Parts& parts, Operation& operation);
// When the daemon stops: the locks stay.
void abandon_locks(Operation& operation);

// Under the former daemon, by their files.
[[nodiscard]] bool had_its_locks(const Parts& parts, const Operation& operation);
// Whether its locks could not be held again for want of room alone: each needs another file where commands hold that of
// the former daemon. A preserved session's file protects its tree without an owner too.
[[nodiscard]] bool stands_without_owner(const Parts& parts, const Operation& operation, const std::exception& why);

// What commands of a former daemon hold, under names of their own, and go on holding until they have died; and what a
// daemon that died had just taken.
void remove_leftover_locks(Parts& parts, const std::string& session);

}  // namespace unionroot::session
