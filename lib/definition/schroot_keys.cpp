#include "definition/schroot_keys.h"

#include <set>
#include <variant>

#include "base/text.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;

constexpr const char* overlay_directory = "/var/lib/schroot/union/overlay";
constexpr const char* underlay_directory = "/var/lib/schroot/union/underlay";

std::string word(bool value) { return value ? "true" : "false"; }
std::string list(const std::vector<std::string>& values) { return base::join(values, ","); }
std::string sorted_list(const std::vector<std::string>& values) {
  const std::set<std::string> each(values.begin(), values.end());
  return list({each.begin(), each.end()});
}
std::string or_else(const std::string& value, const char* usual) { return value.empty() ? usual : value; }

void add_access(SchrootKeys& keys, const std::string& prefix, const AccessLists& access) {
  keys[prefix + "users"] = list(access.users);
  keys[prefix + "groups"] = list(access.groups);
  keys[prefix + "root-users"] = list(access.root_users);
  keys[prefix + "root-groups"] = list(access.root_groups);
}

void add_common(SchrootKeys& keys, const Definition& definition) {
  keys["type"] = definition.type;
  keys["description"] = definition.description + (definition.is_source ? " (source chroot)" : "");
  keys["aliases"] = list(definition.aliases);
  keys["environment-filter"] = definition.environment_filter;
  keys["command-prefix"] = list(definition.command_prefix);
  keys["message-verbosity"] = definition.message_verbosity;
  keys["preserve-environment"] = word(definition.preserve_environment);
  keys["shell"] = definition.shell;
  if (!definition.personality.empty() && definition.personality != "undefined")
    keys["personality"] = definition.personality;
  keys["user-modifiable-keys"] = sorted_list(definition.user_modifiable_keys);
  keys["root-modifiable-keys"] = sorted_list(definition.root_modifiable_keys);
  for (const auto& [key, value] : definition.user_data) keys[key] = value;
  keys["profile"] = definition.script_config.empty() ? definition.profile_name : std::string();
  if (!definition.script_config.empty()) {
    keys["script-config"] = definition.script_config;
    return;
  }
  // The default paths of a profile's files.
  for (const char* const file : {"config", "copyfiles", "fstab", "nssdatabases"})
    keys.emplace(concat("setup.", file), concat(definition.profile_name, "/", file));
}

// schroot has no source keys for custom chroots.
bool has_source_keys(const Definition& definition) { return definition.clonable() && definition.type != "custom"; }

struct AddSource {
  SchrootKeys& keys;

  void operator()(const DirectorySource& source) const { keys["directory"] = source.directory; }
  void operator()(const FileSource& source) const {
    keys["file"] = source.file;
    keys["location"] = source.location;
  }
  void operator()(const ImageSource& source) const {
    keys["file"] = source.file;
    keys["location"] = source.location;
  }
  void operator()(const LoopbackSource& source) const {
    keys["file"] = source.file;
    mounted(source.mount_options, source.location);
  }
  void operator()(const BlockDeviceSource& source) const {
    keys["device"] = source.device;
    mounted(source.mount_options, source.location);
  }
  void operator()(const LvmSnapshotSource& source) const {
    keys["device"] = source.device;
    keys["lvm-snapshot-options"] = source.snapshot_options;
    mounted(source.mount_options, source.location);
  }
  void operator()(const BtrfsSnapshotSource& source) const {
    keys["btrfs-source-subvolume"] = source.source_subvolume;
    keys["btrfs-snapshot-directory"] = source.snapshot_directory;
  }
  void operator()(const ZfsSnapshotSource& source) const {
    keys["zfs-dataset-name"] = source.dataset;
    keys["zfs-snapshot-options"] = source.snapshot_options;
    mounted({}, source.location);
  }
  void operator()(const LayersSource& source) const { keys["lower-directories"] = list(source.lower_directories); }
  void operator()(const OciSource& source) const { keys["directory"] = source.directory; }
  void operator()(const CustomSource& source) const {
    keys["custom-session-purgeable"] = word(source.session_purgeable);
  }

 private:
  void mounted(const std::string& options, const std::string& location) const {
    keys["mount-options"] = options;
    keys["location"] = location;
  }
};

void add_union(SchrootKeys& keys, const Definition& definition) {
  if (!may_have_union(definition)) return;
  keys["union-type"] = definition.has_union() ? "overlay" : "none";
  if (!definition.has_union()) return;
  keys["union-mount-options"] = definition.union_.mount_options;
  keys["union-overlay-directory"] = or_else(definition.union_.overlay_directory, overlay_directory);
  keys["union-underlay-directory"] = or_else(definition.union_.underlay_directory, underlay_directory);
}

}  // namespace

bool is_of_schroot(const Definition& definition, const Settings& settings) {
  return lies_under(definition.file, settings.schroot_directory);
}

bool may_have_union(const Definition& definition) {
  return definition.type == "directory" || definition.type == "loopback" || definition.type == "block-device";
}

SchrootKeys schroot_keys(const Definition& definition) {
  SchrootKeys keys;
  add_common(keys, definition);
  add_access(keys, "", definition.access);
  std::visit(AddSource{keys}, definition.source);
  add_union(keys, definition);
  if (has_source_keys(definition)) {
    keys["source-clone"] = word(definition.source_clone);
    add_access(keys, "source-", definition.source_access);
  }
  return keys;
}

SchrootKeys schroot_keys(const Definition& definition, const SchrootSession& session) {
  auto keys = schroot_keys(definition);
  AccessLists owner;
  (session.as_root ? owner.root_users : owner.users) = {session.owner};
  add_access(keys, "", owner);
  if (has_source_keys(definition)) add_access(keys, "source-", {});
  keys["aliases"] = {};
  keys["description"] += " (session chroot)";
  keys["name"] = session.id;
  keys["original-name"] = session.chroot;
  keys["selected-name"] = session.selected.substr(session.selected.find(':') + 1);
  keys["mount-location"] = session.location;
  if (!definition.has_union() || !may_have_union(definition)) return keys;
  if (!session.upper.empty()) keys["union-overlay-directory"] = session.upper;
  keys["union-underlay-directory"] += "/" + session.id;
  return keys;
}

std::string schroot_section(const std::string& name, const SchrootKeys& keys) {
  std::string text = concat("[", name, "]\n");
  // printable() prevents a value from adding lines: users set some of the values.
  for (const auto& [key, value] : keys) text += concat(key, "=", base::printable(value, std::string_view::npos), "\n");
  return text;
}

}  // namespace unionroot::definition
