// Private to locks: what a refused request says.
#pragma once

#include <string>
#include <vector>

#include "locks/directory.h"

namespace unionroot::locks::detail {

// "session 'x' of user alice, pid 12 (unionrootd), since 2026-11-21 10:52:03 (3 min ago)". The command of the process
// is told to root and to the lock's owner alone.
std::string describe(const LockInfo& info, uid_t reader);

// "3 min", "2 h 5 min", "4 days"
std::string age_text(std::int64_t microseconds);

// what: "beginning a session on", "changing"; owner: of the refused request; waited: for how long, 0 if not at all;
// sessions: on the tree: if one of the holders just waits, it waits for these.
LockedError refusal(std::string_view what, const LockOwner& owner, const std::vector<Entry>& holders,
                    std::chrono::milliseconds waited, const std::vector<Entry>& sessions = {});

}  // namespace unionroot::locks::detail
