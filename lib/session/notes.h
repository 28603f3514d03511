// What was noticed when a session was set up, as its record keeps it: a later daemon shows it too.
#pragma once

#include <string>
#include <vector>

namespace unionroot::session {

inline constexpr std::size_t most_kept_notes = 1000;  // hooks may write some at each attempt to end a session

// A JSON array of the last `most_kept_notes` of them.
std::string notes_to_json(const std::vector<std::string>& notes);
// None for anything else: a session is not to fail for want of them.
std::vector<std::string> notes_from_json(const std::string& text);

}  // namespace unionroot::session
