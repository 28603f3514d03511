#include "daemon/describe.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "definition/definition.h"
#include "definition/schroot_keys.h"

namespace unionroot::daemon {

namespace {

using definition::Definition;

// A name that is not UTF-8 must not make the whole answer impossible.
Value text(std::string_view name) { return Value(base::name_as_utf8(name)); }

std::vector<std::string> valid_texts(const std::vector<std::string>& values) {
  std::vector<std::string> valid;
  valid.reserve(values.size());
  for (const auto& value : values) valid.push_back(base::name_as_utf8(value));
  return valid;
}

Value texts(const std::vector<std::string>& values) { return Value(valid_texts(values)); }

Value pairs(const std::map<std::string, std::string>& given) {
  std::map<std::string, std::string> valid;
  for (const auto& [key, value] : given) valid[base::name_as_utf8(key)] = base::name_as_utf8(value);
  return Value(valid);
}

// Whether there is a source:NAME.
bool has_source(const Definition& definition) { return definition.clonable() && definition.source_clone; }

std::string_view union_type(const Definition& definition) { return definition.has_union() ? "overlay" : "none"; }

std::string_view host_view(const Definition& definition) {
  switch (definition.host_view) {
    case definition::HostView::no: return "no";
    case definition::HostView::tree: return "tree";
    case definition::HostView::all: return "all";
  }
  return "unknown";
}

std::string_view union_backing(const Definition& definition) {
  using definition::UnionBacking;
  switch (definition.union_.backing) {
    case UnionBacking::automatic: return "auto";
    case UnionBacking::directory: return "directory";
    case UnionBacking::tmpfs: return "tmpfs";
    case UnionBacking::image: return "image";
    case UnionBacking::device: return "device";
  }
  return "auto";
}

// The path that a source has, under the key that its definition gives it.
struct SourcePlace {
  const char* key;
  std::string path;
};

SourcePlace source_place(const definition::Source& source) {
  struct Visitor {
    SourcePlace operator()(const definition::DirectorySource& s) const { return {"directory", s.directory}; }
    SourcePlace operator()(const definition::FileSource& s) const { return {"source-file", s.file}; }
    SourcePlace operator()(const definition::ImageSource& s) const { return {"source-file", s.file}; }
    SourcePlace operator()(const definition::LoopbackSource& s) const { return {"source-file", s.file}; }
    SourcePlace operator()(const definition::BlockDeviceSource& s) const { return {"device", s.device}; }
    SourcePlace operator()(const definition::BtrfsSnapshotSource& s) const {
      return {"btrfs-source-subvolume", s.source_subvolume};
    }
    SourcePlace operator()(const definition::LvmSnapshotSource& s) const { return {"device", s.device}; }
    SourcePlace operator()(const definition::ZfsSnapshotSource& s) const { return {"zfs-dataset", s.dataset}; }
    SourcePlace operator()(const definition::LayersSource& s) const {
      return {"lower-directories", base::join(s.lower_directories, ",")};
    }
    SourcePlace operator()(const definition::OciSource& s) const { return {"directory", s.directory}; }
    SourcePlace operator()(const definition::CustomSource&) const { return {"directory", ""}; }
  };
  return std::visit(Visitor{}, source);
}

// Beside its path: what else its keys say.
void add_source_details(Dictionary& info, const definition::Source& source) {
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) info[key] = text(value);
  };
  std::visit(
      [&](const auto& s) {
        if constexpr (requires { s.location; }) add("source-location", s.location);
        if constexpr (requires { s.mount_options; }) add("mount-options", s.mount_options);
        if constexpr (requires { s.snapshot_directory; }) add("btrfs-snapshot-directory", s.snapshot_directory);
      },
      source);
  if (const auto* lvm = std::get_if<definition::LvmSnapshotSource>(&source))
    add("lvm-snapshot-options", lvm->snapshot_options);
  if (const auto* zfs = std::get_if<definition::ZfsSnapshotSource>(&source))
    add("zfs-snapshot-options", zfs->snapshot_options);
}

void add_lists(Dictionary& info, const Definition& definition) {
  info["users"] = texts(definition.access.users);
  info["groups"] = texts(definition.access.groups);
  info["root-users"] = texts(definition.access.root_users);
  info["root-groups"] = texts(definition.access.root_groups);
  info["source-users"] = texts(definition.source_access.users);
  info["source-groups"] = texts(definition.source_access.groups);
  info["source-root-users"] = texts(definition.source_access.root_users);
  info["source-root-groups"] = texts(definition.source_access.root_groups);
}

void add_definition(Dictionary& info, const Definition& definition) {
  const SourcePlace place = source_place(definition.source);
  info["description"] = text(definition.description);
  info["type"] = text(definition.type);
  info["aliases"] = texts(definition.aliases);
  info["union-type"] = text(union_type(definition));
  info["union-backing"] = text(union_backing(definition));
  info["union-overlay-directory"] = text(definition.union_.overlay_directory);
  info["union-underlay-directory"] = text(definition.union_.underlay_directory);
  info["union-mount-options"] = text(definition.union_.mount_options);
  info["profile"] = text(definition.profile_name);
  if (!definition.script_config.empty()) info["script-config"] = text(definition.script_config);
  add_lists(info, definition);
  info["directory"] = text("");
  info[place.key] = text(place.path);
  add_source_details(info, definition.source);
  info["purgeable"] = Value(definition.purgeable());
  info["file"] = text(place_of(definition));
  info["host-view"] = text(host_view(definition));
  info["host-view-access"] = text(definition.host_view_access == definition::ViewAccess::all ? "all" : "owner");
  info["source-clone"] = Value(definition.source_clone);
  info["clonable"] = Value(definition.clonable());
  info["has-source"] = Value(has_source(definition));
  info["user-data"] = pairs(definition.user_data);
  info["user-modifiable-keys"] = texts(definition.user_modifiable_keys);
  info["root-modifiable-keys"] = texts(definition.root_modifiable_keys);
  info["command-prefix"] = texts(definition.command_prefix);
  info["shell"] = text(definition.shell);
  info["personality"] = text(definition.personality);
  info["preserve-environment"] = Value(definition.preserve_environment);
  info["environment-filter"] = text(definition.environment_filter);
  info["message-verbosity"] = text(definition.message_verbosity);
}

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
  if (!source) info["schroot-keys"] = pairs(definition::schroot_keys(definition));
  return info;
}

Dictionary describe_session(const session::SessionView& view, Sight sight) {
  Dictionary info;
  if (view.definition) add_definition(info, *view.definition);
  each_of_record(view, sight, [&](const char* key, const auto& value) { info[key] = Value(value); });
  info["upper"] = text(view.upper);
  if (const auto& record = view.record; view.definition)
    info["schroot-keys"] =
        pairs(definition::schroot_keys(*view.definition, {record.id, record.chroot, record.selected_name,
                                                          record.owner_name, view.location, view.upper}));
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
    // A former version noted something else there.
    if (sight == Sight::all && run.cgroup.starts_with('/')) entry["cgroup"] = base::name_as_utf8(run.cgroup);
    runs.push_back(std::move(entry));
  }
  info["runs"] = Value(runs);
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

void list_session(Answer& answer, const session::SessionView& view, Sight sight) {
  answer.open_array("{sv}");
  each_of_record(view, sight, [&](const char* key, const auto& value) { answer.entry(key, value); });
  answer.entry("run-count", static_cast<std::uint32_t>(view.runs.size()));
  answer.close();
}

}  // namespace unionroot::daemon
