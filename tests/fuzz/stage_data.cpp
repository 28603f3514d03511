// What the store has of a session's stages and notes. Lines of the input: STAGE STATE DATA; the last one: notes.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fuzz.h"
#include "session/journal.h"

namespace unionroot::fuzz {

namespace {

using namespace session;

const std::vector<std::string_view> order{"provide-tree", "source", "union",    "inner-mounts",
                                          "files",        "hooks",  "host-view"};

std::vector<StageEntry> read(const std::vector<store::StageRecord>& records) {
  auto entries = stages_from_records(records, order);
  if (!planted) return entries;
  for (auto& entry : entries)
    if (auto* const data = std::get_if<UnionData>(&entry.data); data != nullptr && data->backing != "directory")
      data->files_layer.clear();
  return entries;
}

std::vector<store::StageRecord> records_of(const std::vector<std::string>& lines) {
  std::vector<store::StageRecord> records;
  for (const auto& line : lines) {
    const auto first = line.find(' '), second = line.find(' ', first + 1);
    if (first == line.npos || second == line.npos) continue;
    records.push_back({static_cast<unsigned>(records.size()), line.substr(0, first),
                       line[first + 1] == 'd' ? store::StageState::done : store::StageState::starting,
                       line.substr(second + 1)});
  }
  return records;
}

void check_entry(const StageEntry& entry, const std::vector<store::StageRecord>& records) {
  require(entry.position < order.size() && order[entry.position] == entry.name, "a stage has its position", entry.name);
  const auto record = stage_to_record(entry);
  const auto again = stages_from_records({record}, order);
  require(again.size() == 1 && stage_to_record(again[0]).data == record.data, "data is read as it was written",
          record.data);
  const auto* const data = std::get_if<UnionData>(&entry.data);
  if (data == nullptr) return;
  const auto from = std::find_if(records.begin(), records.end(), [](const auto& one) { return one.name == "union"; });
  const auto json = nlohmann::json::parse(from->data, nullptr, false);
  if (json.is_object() && json.contains("files-layer") && json["files-layer"].is_string())
    require(json["files-layer"] == data->files_layer, "a layer that is recorded is known", from->data);
}

void check_notes(const std::string& text) {
  const auto notes = notes_from_json(text);
  const auto written = notes_to_json(notes);
  if (notes.size() > most_kept_notes) return;
  require(notes_from_json(written) == notes, "notes are read as they were written", written);
}

}  // namespace

void run(std::string_view input) {
  const auto lines = base::split(input, '\n');
  const auto records = records_of(lines);
  for (const auto& entry : read(records)) check_entry(entry, records);
  if (lines.empty()) return;
  check_notes(lines.back());
  check_notes(notes_to_json(lines));  // bytes of any kind
}

}  // namespace unionroot::fuzz
