// Private to locks: what a refused request says.
#pragma once

#include <string>
#include <vector>

#include "locks/directory.h"

namespace unionroot::locks::detail {

// "it is in use by session x (alice, since 2026-11-21 10:52:03, 3 min ago)". Of a change that waits: "root's `unionroot
// lock` (pid 12, since ...) waits for session x (...); what comes later waits behind it". The command of a change is
// told to root and to the lock's owner alone. standing: the sessions for which one that waits does.
std::string in_the_way(const std::vector<Entry>& holders, const std::vector<Entry>& standing, uid_t reader);

// "3 min", "2 h 5 min", "4 days"
std::string age_text(std::int64_t microseconds);

// what: "beginning a session on", "changing"; owner: of the refused request; waited: for how long, 0 if not at all;
// sessions: on the tree: if one of the holders just waits, it waits for these.
LockedError refusal(std::string_view what, const LockOwner& owner, const std::vector<Entry>& holders,
                    std::chrono::milliseconds waited, const std::vector<Entry>& sessions = {});

}  // namespace unionroot::locks::detail
