#include "session/notes.h"

#include <nlohmann/json.hpp>

namespace unionroot::session {

using nlohmann::json;

std::string notes_to_json(const std::vector<std::string>& notes) {
  if (notes.empty()) return "[]";
  const auto passed_over = notes.size() > most_kept_notes ? notes.size() - most_kept_notes : 0;
  const json kept(std::vector<std::string>(notes.begin() + static_cast<std::ptrdiff_t>(passed_over), notes.end()));
  // File names of a tree may be in them, in whatever encoding.
  return kept.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> notes_from_json(const std::string& text) {
  if (text == "[]") return {};
  const auto parsed = json::parse(text, nullptr, false);
  std::vector<std::string> notes;
  if (!parsed.is_array()) return notes;
  for (const auto& note : parsed)
    if (note.is_string()) notes.push_back(note.get<std::string>());
  return notes;
}

}  // namespace unionroot::session
