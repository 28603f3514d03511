// Private to locks: the text of a refused request.
#pragma once

#include <string>
#include <vector>

#include "locks/directory.h"

namespace unionroot::locks::detail {

// "it is in use by session x (alice, since 2026-11-21 10:52:03, 3 min ago)". For a waiting change: "root's `unionroot
// lock` (pid 12, since ...) waits for session x (...); what comes later waits behind it". Only root and the lock's
// owner see the command line of a change. standing: the sessions that the waiting change waits for.
std::string in_the_way(const std::vector<Entry>& holders, const std::vector<Entry>& standing, uid_t reader);

// "3 min", "2 h 5 min", "4 days"
std::string age_text(std::int64_t microseconds);

// what: "beginning a session on", "changing". owner: the owner in the refused request. waited: how long it has waited,
// 0 if it did not. sessions: the sessions on the tree; if a holder is itself waiting, it waits for these.
LockedError refusal(std::string_view what, const LockOwner& owner, const std::vector<Entry>& holders,
                    std::chrono::milliseconds waited, const std::vector<Entry>& sessions = {});

}  // namespace unionroot::locks::detail
