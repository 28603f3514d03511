#include "daemon/describe_definition.h"

#include "base/text.h"
#include "daemon/authorization.h"

namespace unionroot::daemon {

using definition::Definition;

Value text(std::string_view name) { return Value(base::name_as_utf8(name)); }

std::vector<std::string> valid_texts(const std::vector<std::string>& values) {
  std::vector<std::string> valid;
  valid.reserve(values.size());
  for (const auto& value : values) valid.push_back(base::name_as_utf8(value));
  return valid;
}

Value pairs(const std::map<std::string, std::string>& given) {
  std::map<std::string, std::string> valid;
  for (const auto& [key, value] : given) valid[base::name_as_utf8(key)] = base::name_as_utf8(value);
  return Value(valid);
}

bool has_source(const Definition& definition) { return definition.clonable() && definition.source_clone; }

std::string_view union_type(const Definition& definition) { return definition.has_union() ? "overlay" : "none"; }

namespace {

Value texts(const std::vector<std::string>& values) { return Value(valid_texts(values)); }

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

// The path of a source, and the key that a definition uses for it.
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

// The other keys of a source.
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
  if (const auto* oci = std::get_if<definition::OciSource>(&source)) add("reference", oci->reference);
  if (const auto* image = std::get_if<definition::ImageSource>(&source); image != nullptr && image->partition != 0)
    info["partition"] = Value(std::uint32_t{image->partition});
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

std::string_view word_of(definition::Choice choice) {
  if (choice == definition::Choice::automatic) return "auto";
  return choice == definition::Choice::yes ? "yes" : "no";
}

std::string_view word_of(definition::NssMode mode) {
  if (mode == definition::NssMode::merge) return "merge";
  return mode == definition::NssMode::copy ? "copy" : "none";
}

std::string_view word_of(definition::OnBoot action) {
  if (action == definition::OnBoot::recover) return "recover";
  return action == definition::OnBoot::end ? "end" : "leave";
}

std::string size_text(const definition::Size& size) {
  return size.percent != 0 ? base::concat(size.percent, '%') : base::concat(size.bytes);
}

void add_union(Dictionary& info, const Definition& definition) {
  const auto& layout = definition.union_;
  info["union-type"] = text(union_type(definition));
  info["union-backing"] = text(union_backing(definition));
  info["union-overlay-directory"] = text(layout.overlay_directory);
  info["union-underlay-directory"] = text(layout.underlay_directory);
  info["union-mount-options"] = text(layout.mount_options);
  if (!definition.has_union()) return;
  info["union-volatile"] = text(word_of(layout.volatile_upper));
  if (layout.size) info["union-size"] = text(size_text(*layout.size));
  const bool on_device = layout.backing == definition::UnionBacking::device;
  if (on_device || layout.backing == definition::UnionBacking::image)
    info["union-filesystem"] = text(layout.filesystem);
  if (!on_device) return;
  info["union-device"] = text(layout.device);
  info["union-device-options"] = text(layout.device_options);
  info["union-reset"] = Value(layout.reset);
}

// Keys for the inside of a session, and for its end.
void add_session_keys(Dictionary& info, const Definition& definition) {
  info["host-view"] = text(host_view(definition));
  info["host-view-access"] = text(definition.host_view_access == definition::ViewAccess::all ? "all" : "owner");
  info["dev"] = text(definition.dev == definition::DeviceMode::host ? "host" : "private");
  info["nss"] = text(word_of(definition.nss));
  info["no-new-privileges"] = text(word_of(definition.no_new_privileges));
  info["resolv-conf"] = text(definition.resolv_conf);
  info["hostname"] = text(definition.hostname);
  info["working-directory"] = text(definition.working_directory.empty() ? "caller" : definition.working_directory);
  info["network"] = text(definition.network);
  info["cgroup"] = text(definition.control_group == definition::ControlGroup::own ? "own" : "caller");
  info["on-boot"] = text(word_of(definition.on_boot));
  info["on-shutdown"] = text(definition.on_shutdown == definition::OnShutdown::end ? "end" : "leave");
  info["hook-directories"] = texts(definition.hook_directories);
  if (!definition.hook_directories.empty()) info["hook-time-limit"] = Value(std::uint32_t{definition.hook_time_limit});
}

}  // namespace

void add_definition(Dictionary& info, const Definition& definition) {
  const SourcePlace place = source_place(definition.source);
  info["description"] = text(definition.description);
  info["type"] = text(definition.type);
  info["aliases"] = texts(definition.aliases);
  info["profile"] = text(definition.profile_name);
  if (!definition.script_config.empty()) info["script-config"] = text(definition.script_config);
  add_lists(info, definition);
  info["directory"] = text("");
  info[place.key] = text(place.path);
  add_source_details(info, definition.source);
  if (definition.unpack_limit != 0) info["unpack-limit"] = Value(std::uint64_t{definition.unpack_limit});
  add_union(info, definition);
  add_session_keys(info, definition);
  info["purgeable"] = Value(definition.purgeable());
  info["file"] = text(place_of(definition));
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

}  // namespace unionroot::daemon
