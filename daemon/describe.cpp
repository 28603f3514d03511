#include "daemon/describe.h"

#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "definition/definition.h"

namespace unionroot::daemon {

namespace {

using definition::Definition;

// A name that is not UTF-8 must not make the whole answer impossible.
sdbus::Variant text(std::string_view name) { return sdbus::Variant(base::name_as_utf8(name)); }
// For people, and not to be turned back into bytes.
sdbus::Variant message(std::string_view text) { return sdbus::Variant(base::as_utf8(text)); }

sdbus::Variant texts(const std::vector<std::string>& values) {
  std::vector<std::string> valid;
  valid.reserve(values.size());
  for (const auto& value : values) valid.push_back(base::name_as_utf8(value));
  return sdbus::Variant(valid);
}

std::string_view union_type(const Definition& definition) { return definition.has_union() ? "overlay" : "none"; }

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
  add_lists(info, definition);
  info["directory"] = text("");
  info[place.key] = text(place.path);
  info["file"] = text(place_of(definition));
  info["host-view"] = sdbus::Variant(definition.host_view);
  info["source-clone"] = sdbus::Variant(definition.source_clone);
  info["clonable"] = sdbus::Variant(definition.clonable());
  std::map<std::string, std::string> user_data;
  for (const auto& [key, value] : definition.user_data) user_data[base::name_as_utf8(key)] = base::name_as_utf8(value);
  info["user-data"] = sdbus::Variant(user_data);
  info["user-modifiable-keys"] = texts(definition.user_modifiable_keys);
  info["root-modifiable-keys"] = texts(definition.root_modifiable_keys);
  info["command-prefix"] = texts(definition.command_prefix);
  info["shell"] = text(definition.shell);
  info["personality"] = text(definition.personality);
  info["preserve-environment"] = sdbus::Variant(definition.preserve_environment);
  info["environment-filter"] = text(definition.environment_filter);
  info["message-verbosity"] = text(definition.message_verbosity);
}

void add_record(Dictionary& info, const session::SessionView& view) {
  const store::SessionRecord& record = view.record;
  info["kind"] = text("session");
  info["name"] = text(record.id);
  info["id"] = text(record.id);
  info["chroot"] = text(record.chroot);
  info["selected-name"] = text(record.selected_name);
  info["type"] = text(view.type);
  info["state"] = text(store::to_string(record.state));
  info["automatic"] = sdbus::Variant(record.kind == store::SessionKind::automatic);
  info["source"] = sdbus::Variant(record.source);
  info["owner"] = text(record.owner_name);
  info["owner-uid"] = sdbus::Variant(std::uint32_t{record.owner});
  info["created"] = sdbus::Variant(record.created);
  info["location"] = text(view.location);
  info["error"] = message(record.error);
}

}  // namespace

Dictionary describe_chroot(const Definition& definition, bool source) {
  Dictionary info;
  info["kind"] = text(source ? "source" : "chroot");
  info["name"] = text(definition.name);
  add_definition(info, definition);
  return info;
}

Dictionary describe_session(const session::SessionView& view) {
  Dictionary info;
  if (view.definition) add_definition(info, *view.definition);
  add_record(info, view);
  info["upper"] = text(view.upper);
  if (!view.progress.what.empty())
    info["progress"] = sdbus::Variant(sdbus::Struct<std::string, std::uint64_t, std::uint64_t>(
        base::as_utf8(view.progress.what), view.progress.done, view.progress.total));
  if (view.upper_size) info["upper-size"] = sdbus::Variant(*view.upper_size);
  if (view.upper_used) info["upper-used"] = sdbus::Variant(*view.upper_used);
  std::vector<sdbus::Struct<std::string, std::string>> stages;
  for (const auto& stage : view.stages) stages.emplace_back(stage.name, std::string(store::to_string(stage.state)));
  info["stages"] = sdbus::Variant(stages);
  std::vector<Dictionary> runs;
  for (const auto& run : view.runs) {
    Dictionary entry;
    entry["id"] = text(run.id);
    entry["pid"] = sdbus::Variant(static_cast<std::uint32_t>(run.supervisor.pid));
    entry["user"] = text(run.user);
    entry["uid"] = sdbus::Variant(std::uint32_t{run.uid});
    entry["command"] = message(run.command);
    entry["since"] = sdbus::Variant(run.since);
    runs.push_back(std::move(entry));
  }
  info["runs"] = sdbus::Variant(runs);
  return info;
}

Dictionary list_chroot(const Definition& definition) {
  Dictionary info;
  info["kind"] = text("chroot");
  info["name"] = text(definition.name);
  info["description"] = text(definition.description);
  info["type"] = text(definition.type);
  info["aliases"] = texts(definition.aliases);
  info["union-type"] = text(union_type(definition));
  info["source-clone"] = sdbus::Variant(definition.clonable() && definition.source_clone);
  info["file"] = text(place_of(definition));
  return info;
}

Dictionary list_session(const session::SessionView& view) {
  Dictionary info;
  add_record(info, view);
  info["run-count"] = sdbus::Variant(static_cast<std::uint32_t>(view.runs.size()));
  return info;
}

}  // namespace unionroot::daemon
