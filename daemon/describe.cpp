#include "daemon/describe.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "daemon/describe_definition.h"
#include "definition/definition.h"
#include "definition/schroot_keys.h"
#include "session/schroot_places.h"

namespace unionroot::daemon {

namespace {

using definition::Definition;

// What Info and the listing have in common: put(key, value) of each.
template <typename Put>
void each_of_record(const session::SessionView& view, Sight sight, Put put) {
  const store::SessionRecord& record = view.record;
  put("kind", std::string("session"));
  put("name", base::name_as_utf8(record.id));
  put("id", base::name_as_utf8(record.id));
  put("chroot", base::name_as_utf8(record.chroot));
  put("selected-name", base::name_as_utf8(record.selected_name));
  put("type", base::name_as_utf8(view.type));
  put("state", std::string(store::to_string(record.state)));
  put("automatic", record.kind == store::SessionKind::automatic);
  put("source", record.source);
  put("front-end", record.front_end);
  put("owner", base::name_as_utf8(record.owner_name));
  put("owner-uid", std::uint32_t{record.owner});
  put("created", std::int64_t{record.created});
  put("location", base::name_as_utf8(view.location));
  put("error", sight == Sight::all ? base::as_utf8(record.error) : std::string());
}

void put(Answer& answer, const std::vector<sdbus::Struct<std::string, std::string>>& stages) {
  answer.open_array("(ss)");
  for (const auto& stage : stages) {
    answer.open_struct("ss");
    answer.put(std::get<0>(stage));
    answer.put(std::get<1>(stage));
    answer.close();
  }
  answer.close();
}

void put(Answer& answer, const std::map<std::string, std::string>& pairs) {
  answer.open_array("{ss}");
  for (const auto& [key, value] : pairs) {
    answer.open_entry("ss");
    answer.put(key);
    answer.put(value);
    answer.close();
  }
  answer.close();
}

template <typename Values>
void put_entries(Answer& answer, const Values& values);

void put(Answer& answer, const std::vector<Row>& rows) {
  answer.open_array("a{sv}");
  for (const auto& row : rows) put_entries(answer, row);
  answer.close();
}

const char* signature(const std::vector<sdbus::Struct<std::string, std::string>>&) { return "a(ss)"; }
const char* signature(const std::map<std::string, std::string>&) { return "a{ss}"; }
const char* signature(const std::vector<Row>&) { return "aa{sv}"; }

void put_entry(Answer& answer, const std::string& key, const auto& value) {
  if constexpr (requires { answer.variant(value); }) {
    answer.entry(key.c_str(), value);
  } else {
    answer.open_entry("sv");
    answer.put(key);
    answer.open_variant(signature(value));
    put(answer, value);
    answer.close();
    answer.close();
  }
}

template <typename Values>
void put_entries(Answer& answer, const Values& values) {
  answer.open_array("{sv}");
  for (const auto& each : values)
    std::visit([&](const auto& value) { put_entry(answer, each.first, value); }, each.second);
  answer.close();
}

}  // namespace

void write(Answer& answer, const Dictionary& dictionary) { put_entries(answer, dictionary); }

Dictionary describe_chroot(const Definition& definition, bool source) {
  Dictionary info;
  info["kind"] = text(source ? "source" : "chroot");
  info["name"] = text(definition.name);
  add_definition(info, definition);
  info["schroot-keys"] = pairs(definition::schroot_keys(source ? definition::source_variant(definition) : definition));
  return info;
}

Dictionary describe_session(const session::SessionView& view, Sight sight) {
  Dictionary info;
  if (view.definition) add_definition(info, *view.definition);
  each_of_record(view, sight, [&](const char* key, const auto& value) { info[key] = Value(value); });
  info["upper"] = text(view.upper);
  if (view.definition)
    info["schroot-keys"] = pairs(definition::schroot_keys(
        *view.definition, session::schroot_session(view.record, *view.definition, view.location, view.upper)));
  if (!view.progress.what.empty())
    info["progress"] = Value(sdbus::Struct<std::string, std::uint64_t, std::uint64_t>(
        base::as_utf8(view.progress.what), view.progress.done, view.progress.total));
  if (view.upper_size) info["upper-size"] = Value(*view.upper_size);
  if (view.upper_used) info["upper-used"] = Value(*view.upper_used);
  std::vector<sdbus::Struct<std::string, std::string>> stages;
  for (const auto& stage : view.stages) stages.emplace_back(stage.name, std::string(store::to_string(stage.state)));
  info["stages"] = Value(stages);
  std::vector<Row> runs;
  for (const auto& run : view.runs) {
    Row entry;
    entry["id"] = base::name_as_utf8(run.id);
    entry["pid"] = static_cast<std::uint32_t>(run.supervisor.pid);
    entry["user"] = base::name_as_utf8(run.user);
    entry["uid"] = std::uint32_t{run.uid};
    entry["command"] = sight == Sight::all ? base::as_utf8(run.command) : std::string();
    entry["since"] = std::int64_t{run.since};
    entry["state"] = std::string(run.left_processes ? "processes-left" : "running");
    if (!run.network.empty()) entry["network"] = base::name_as_utf8(run.network);
    // A former version noted something else there.
    if (sight == Sight::all && run.cgroup.starts_with('/')) entry["cgroup"] = base::name_as_utf8(run.cgroup);
    runs.push_back(std::move(entry));
  }
  info["runs"] = Value(runs);
  if (!view.frozen.empty()) info["layers"] = Value(static_cast<std::uint32_t>(view.frozen.size() + 1));
  if (sight == Sight::all && !view.frozen.empty()) {
    std::vector<std::string> snapshots;
    std::transform(view.frozen.rbegin(), view.frozen.rend(), std::back_inserter(snapshots),
                   [](const auto& layer) { return layer.snapshot; });
    info["snapshots"] = Value(snapshots);
  }
  if (sight == Sight::all) {
    std::vector<std::string> notes;
    for (const auto& note : view.notes) notes.push_back(base::as_utf8(note));
    info["notes"] = Value(notes);
  }
  return info;
}

void list_chroot(Answer& answer, const Definition& definition) {
  answer.open_array("{sv}");
  answer.entry("kind", "chroot");
  answer.entry("name", base::name_as_utf8(definition.name));
  answer.entry("description", base::name_as_utf8(definition.description));
  answer.entry("type", base::name_as_utf8(definition.type));
  answer.entry("aliases", valid_texts(definition.aliases));
  answer.entry("union-type", union_type(definition));
  answer.entry("source-clone", has_source(definition));  // a former name of the next
  answer.entry("has-source", has_source(definition));
  answer.entry("file", base::name_as_utf8(place_of(definition)));
  answer.close();
}

void list_broken(Answer& answer, const definition::Problem& problem) {
  const auto place = problem.line == 0 ? problem.file : base::concat(problem.file, ':', problem.line);
  answer.open_array("{sv}");
  answer.entry("name", base::name_as_utf8(problem.section));
  answer.entry("file", base::name_as_utf8(place));
  answer.entry("error", base::as_utf8(problem.message));
  answer.close();
}

void list_session(Answer& answer, const session::SessionView& view, Sight sight) {
  answer.open_array("{sv}");
  each_of_record(view, sight, [&](const char* key, const auto& value) { answer.entry(key, value); });
  answer.entry("run-count", static_cast<std::uint32_t>(view.runs.size()));
  answer.close();
}

}  // namespace unionroot::daemon
