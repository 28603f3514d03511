#include "session/journal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "session/session.h"

namespace unionroot::session {

using nlohmann::json;
using store::StageRecord;

namespace {

// A stage's data is an object of strings. A missing key means an empty string, or false.
class Writer {
 public:
  void text(const char* key, const std::string& value) {
    if (!value.empty()) object_[key] = value;
  }
  void flag(const char* key, bool value) {
    if (value) object_[key] = "yes";
  }
  [[nodiscard]] std::string dump() const { return object_.dump(); }

 private:
  json object_ = json::object();
};

class Reader {
 public:
  explicit Reader(const std::string& text) : object_(json::parse(text, nullptr, false)) {}
  void text(const char* key, std::string& value) const {
    if (!object_.is_object()) return;
    if (const auto found = object_.find(key); found != object_.end() && found->is_string()) found->get_to(value);
  }
  void flag(const char* key, bool& value) const { value = object_.is_object() && object_.contains(key); }

 private:
  const json object_;
};

// The keys for reading and for writing.
template <typename Form, typename Data>
void fields(Form& form, Data& data) {
  using Plain = std::remove_const_t<Data>;
  if constexpr (std::is_same_v<Plain, TreeData>) {
    form.text("mount", data.mount);
    form.text("content", data.content);
    form.text("trees", data.trees);
    form.text("cache", data.cache_keys);
    form.flag("untouched", data.untouched);
    form.flag("never-ran", data.never_ran);
  } else if constexpr (std::is_same_v<Plain, UnionData>) {
    form.text("backing", data.backing);
    form.text("files-layer", data.files_layer);
    form.flag("untouched", data.untouched);
  } else if constexpr (std::is_same_v<Plain, HooksData>) {
    form.flag("never-ran", data.never_ran);
  }
}

template <typename Data>
Data read(const std::string& text) {
  Data data;
  const Reader reader(text);
  fields(reader, data);
  return data;
}

// The present name of a stage.
std::string_view current_name(const std::string& name) {
  if (name == "block-device") return "provide-tree";  // a former version used this name
  return name;
}

StageData data_from_json(std::string_view stage, const std::string& text) {
  if (text.empty() || text == "{}") return {};
  if (stage == "provide-tree") return read<TreeData>(text);
  if (stage == "union") return read<UnionData>(text);
  if (stage == "hooks") return read<HooksData>(text);
  return {};
}

std::string data_to_json(const StageData& data) {
  if (std::holds_alternative<std::monostate>(data)) return "{}";
  Writer writer;
  std::visit([&](const auto& own) { fields(writer, own); }, data);
  return writer.dump();
}

}  // namespace

std::string notes_to_json(const std::vector<std::string>& notes) {
  if (notes.empty()) return "[]";
  const auto left_out = notes.size() > most_kept_notes ? notes.size() - most_kept_notes : 0;
  const json kept(std::vector<std::string>(notes.begin() + static_cast<std::ptrdiff_t>(left_out), notes.end()));
  // Notes may contain file names of a tree, in any encoding.
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

StageRecord stage_to_record(const StageEntry& entry) {
  return {entry.position, entry.name, entry.state, data_to_json(entry.data)};
}

std::vector<StageEntry> stages_from_records(const std::vector<StageRecord>& records,
                                            const std::vector<std::string_view>& order) {
  std::vector<StageEntry> entries;
  for (unsigned position = 0; position < order.size(); ++position) {
    const auto found = std::find_if(records.begin(), records.end(),
                                    [&](const auto& record) { return current_name(record.name) == order[position]; });
    if (found == records.end()) continue;
    entries.push_back(
        {position, std::string(order[position]), found->state, data_from_json(order[position], found->data)});
  }
  return entries;
}

store::SessionRecord session_record(const Session& session) {
  const auto shown = session.shown.lock();
  return {session.identity, *shown, notes_to_json(shown->notes)};
}

std::vector<StageRecord> stage_records(const Session& session) {
  std::vector<StageRecord> records;
  const auto shown = session.shown.lock();
  for (const auto& entry : shown->stages) records.push_back(stage_to_record(entry));
  return records;
}

}  // namespace unionroot::session
