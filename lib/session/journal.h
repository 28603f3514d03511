// Between a session in memory and its rows in the store. What is JSON there is read and written here alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "session/shown.h"
#include "store/store.h"

namespace unionroot::session {

class Session;

inline constexpr std::size_t most_kept_notes = 1000;  // hooks may write some at each attempt to end a session

// A JSON array of the last `most_kept_notes` of them.
std::string notes_to_json(const std::vector<std::string>& notes);
// None for anything else: a session must not fail for want of them.
std::vector<std::string> notes_from_json(const std::string& text);

store::StageRecord stage_to_record(const StageEntry& entry);
// Finds the stages by their names, and gives them the positions of `order`: a former version had other stages and other
// names. Stages that are not known any more are left out.
std::vector<StageEntry> stages_from_records(const std::vector<store::StageRecord>& records,
                                            const std::vector<std::string_view>& order);

// As the session is now.
store::SessionRecord session_record(const Session& session);
std::vector<store::StageRecord> stage_records(const Session& session);

}  // namespace unionroot::session
