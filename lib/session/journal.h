// Converts between a session in memory and its rows in the store. Only this file reads and writes their JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "session/shown.h"
#include "store/store.h"

namespace unionroot::session {

class Session;

inline constexpr std::size_t most_kept_notes = 1000;  // hooks may add notes at each attempt to end a session

// A JSON array of the last `most_kept_notes` notes.
std::string notes_to_json(const std::vector<std::string>& notes);
// Malformed text gives no notes: a session must not fail because of its notes.
std::vector<std::string> notes_from_json(const std::string& text);

store::StageRecord stage_to_record(const StageEntry& entry);
// Matches stages by name and gives them the positions of `order`, since a former version had other stages and other
// names. Leaves out unknown stages.
std::vector<StageEntry> stages_from_records(const std::vector<store::StageRecord>& records,
                                            const std::vector<std::string_view>& order);

// The session's present state.
store::SessionRecord session_record(const Session& session);
std::vector<store::StageRecord> stage_records(const Session& session);

}  // namespace unionroot::session
