#include "session/hooks/environment.h"

#include <regex.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/accounts.h"
#include "base/error.h"
#include "base/names.h"
#include "base/paths.h"
#include "base/text.h"
#include "definition/profile_files.h"
#include "definition/schroot_keys.h"
#include "definition/values.h"
#include "session/hooks/setup_data.h"

namespace unionroot::session {

using base::concat;

namespace {

using Variables = std::map<std::string, std::string>;

constexpr const char* safe_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const char* truth(bool value) { return value ? "true" : "false"; }

struct SourceVariables {
  const std::string& session;
  const HookPlace& place;
  bool source;
  Variables& out;

  void operator()(const definition::DirectorySource& s) const { out["CHROOT_DIRECTORY"] = s.directory; }
  void operator()(const definition::FileSource& s) const {
    file(s.file, s.location);
    out["CHROOT_FILE_REPACK"] = truth(source);
    out["CHROOT_FILE_UNPACK_DIR"] = place.folder;
  }
  void operator()(const definition::ImageSource& s) const { file(s.file, s.location); }
  void operator()(const definition::LoopbackSource& s) const {
    file(s.file, s.location);
    out["CHROOT_MOUNT_OPTIONS"] = s.mount_options;
  }
  void operator()(const definition::BlockDeviceSource& s) const {
    out["CHROOT_DEVICE"] = out["CHROOT_MOUNT_DEVICE"] = s.device;
    out["CHROOT_MOUNT_OPTIONS"] = s.mount_options;
    out["CHROOT_LOCATION"] = s.location;
  }
  void operator()(const definition::BtrfsSnapshotSource& s) const {
    out["CHROOT_BTRFS_SOURCE_SUBVOLUME"] = s.source_subvolume;
    out["CHROOT_BTRFS_SNAPSHOT_DIRECTORY"] = s.snapshot_directory;
    out["CHROOT_BTRFS_SNAPSHOT_NAME"] = concat(s.snapshot_directory, '/', session);
    out["CHROOT_LOCATION"] = s.location;
  }
  void operator()(const definition::LvmSnapshotSource& s) const {
    out["CHROOT_DEVICE"] = s.device;
    out["CHROOT_LVM_SNAPSHOT_NAME"] = session;
    out["CHROOT_LVM_SNAPSHOT_OPTIONS"] = s.snapshot_options;
    out["CHROOT_LVM_SNAPSHOT_DEVICE"] = out["CHROOT_MOUNT_DEVICE"] =
        concat(definition::folder_of(s.device), '/', session);
    out["CHROOT_MOUNT_OPTIONS"] = s.mount_options;
    out["CHROOT_LOCATION"] = s.location;
  }
  void operator()(const definition::ZfsSnapshotSource& s) const {
    out["CHROOT_ZFS_DATASET"] = s.dataset;
    out["CHROOT_LOCATION"] = s.location;
  }
  void operator()(const definition::LayersSource& s) const {
    out["CHROOT_LOWER_DIRECTORIES"] = base::join(s.lower_directories, ",");
  }
  void operator()(const definition::OciSource& s) const {
    out["CHROOT_DIRECTORY"] = s.directory;
    out["CHROOT_REFERENCE"] = s.reference;
  }
  void operator()(const definition::CustomSource&) const {}

  void file(const std::string& path, const std::string& location) const {
    out["CHROOT_FILE"] = path;
    out["CHROOT_LOCATION"] = location;
  }
};

void add_user_data(const definition::Definition& definition, Variables& out, std::vector<std::string>& notes) {
  for (const auto& [key, value] : definition.user_data) {
    auto name = variable_of_key(key);
    if (may_be_user_data(name))
      out[std::move(name)] = value;
    else
      notes.push_back(concat("hooks: ", base::printable(key), " is not passed on, because ", base::printable(name),
                             " would change how programs work"));
  }
}

void add_owner(const Operation& operation, const launch::User& owner, Variables& out) {
  out["AUTH_USER"] = out["AUTH_RUSER"] = owner.name;
  out["AUTH_UID"] = out["AUTH_RUID"] = std::to_string(operation.identity().owner);
  out["AUTH_GID"] = out["AUTH_RGID"] = std::to_string(owner.gid);
  out["AUTH_RGROUP"] = base::group_name(owner.gid);
  out["AUTH_HOME"] = owner.home;
  out["AUTH_SHELL"] = owner.shell;
}

// As in schroot: the folder that holds `upper` and `work`, and the tree beneath.
void add_union(const Operation& operation, Variables& out) {
  const auto& definition = operation.definition();
  if (!definition.has_union()) {
    if (definition::may_have_union(definition)) out["CHROOT_UNION_TYPE"] = "none";
    return;
  }
  out["CHROOT_UNION_TYPE"] = "overlay";
  constexpr std::string_view upper = "/upper";
  auto overlay = operation.upper();
  if (overlay.ends_with(upper)) overlay.resize(overlay.size() - upper.size());
  if (!definition.union_.mount_options.empty()) out["CHROOT_UNION_MOUNT_OPTIONS"] = definition.union_.mount_options;
  out["CHROOT_UNION_OVERLAY_DIRECTORY"] = overlay;
  if (!operation->directories.empty()) out["CHROOT_UNION_UNDERLAY_DIRECTORY"] = operation->directories.front();
}

void add_chroot(const Operation& operation, const HookPlace& place, Variables& out) {
  const auto& definition = operation.definition();
  const auto& settings = operation.services().settings;
  out["CHROOT_TYPE"] = definition.type;
  out["CHROOT_NAME"] = definition.name;
  // The selected name may be "source:NAME" or "NAME".
  const auto colon = operation.identity().selected_name.find(':');
  out["CHROOT_ALIAS"] = operation.identity().selected_name.substr(colon == std::string::npos ? 0 : colon + 1);
  // schroot appends these words to the description.
  out["CHROOT_DESCRIPTION"] =
      concat(definition.description, operation.is_source() ? " (source chroot)" : "", " (session chroot)");
  out["CHROOT_MOUNT_LOCATION"] = out["CHROOT_PATH"] = place.location;
  if (!definition.script_config.empty()) out["CHROOT_SCRIPT_CONFIG"] = definition.script_config;
  out["CHROOT_PROFILE"] = definition.profile_name;
  const bool of_schroot = definition::is_of_schroot(definition, settings);
  out["CHROOT_PROFILE_DIR"] = concat(of_schroot ? settings.schroot_directory : settings.config_directory + "/profiles",
                                     '/', definition.profile_name);
  // Constants: no script makes the session from another one, and it is not cloned.
  out["CHROOT_SESSION_CREATE"] = out["CHROOT_SESSION_CLONE"] = truth(false);
  out["CHROOT_SESSION_PURGE"] = truth(definition.purgeable());
  out["CHROOT_SESSION_SOURCE"] = truth(operation.is_source());
  std::visit(SourceVariables{operation.id(), place, operation.is_source(), out}, definition.source);
  add_union(operation, out);
}

// Adds the profile's files that exist, under the variables of their keys. schroot does the same. Keys that are set win.
void add_profile_files(const Operation& operation, Variables& out) {
  const auto& definition = operation.definition();
  const auto& settings = operation.services().settings;
  if (!definition::is_of_schroot(definition, settings)) return;
  for (const auto kind : definition::profile_files) {
    const auto file = definition::file_name(kind);
    const auto path = concat(definition.profile_name, '/', file);
    if (::access(concat(settings.schroot_directory, '/', path).c_str(), F_OK) == 0)
      out.emplace(variable_of_key(concat("setup.", file)), path);
  }
}

}  // namespace

std::string variable_of_key(std::string_view key) {
  std::string name(key);
  for (char& c : name) {
    if (c == '.' || c == '-') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

bool may_be_user_data(std::string_view variable) {
  static constexpr std::string_view prefixes[] = {"LD_",  "BASH",   "GLIBC_", "GCONV_", "MALLOC_",   "LOCALE_",
                                                  "PERL", "PYTHON", "RUBY",   "NODE_",  "JAVA_",     "LUA_",
                                                  "TCL",  "GIT_",   "SSH_",   "DBUS_",  "LIBMOUNT_", "SYSTEMD_"};
  static constexpr std::string_view names[] = {"PATH",  "IFS",  "ENV",    "PS4",   "SHELLOPTS",
                                               "SHELL", "HOME", "CDPATH", "TMPDIR"};
  if (std::find(std::begin(names), std::end(names), variable) != std::end(names)) return false;
  for (const auto prefix : prefixes)
    if (variable.substr(0, prefix.size()) == prefix) return false;
  static const auto filter = [] {
    regex_t compiled;
    ::regcomp(&compiled, definition::default_environment_filter, REG_EXTENDED | REG_NOSUB);
    return compiled;
  }();
  return ::regexec(&filter, std::string(variable).c_str(), 0, nullptr, 0) != 0;
}

std::vector<std::string> hook_environment(const Operation& operation, const launch::User& owner, const HookPlace& place,
                                          std::vector<std::string>& notes) {
  const auto& settings = operation.services().settings;
  Variables variables;
  add_user_data(operation.definition(), variables, notes);
  add_profile_files(operation, variables);
  // These overwrite the user's data of the same name.
  add_owner(operation, owner, variables);
  add_chroot(operation, place, variables);
  variables["PATH"] = safe_path;
  variables["PID"] = std::to_string(::getpid());
  variables["PLATFORM"] = "linux";
  variables["SESSION_ID"] = operation.id();
  if (operation.definition().network == "private" && operation.services().views.open_network(operation.id()))
    variables["UNIONROOT_NETWORK"] = operation.services().views.network_path(operation.id());
  variables["VERBOSE"] = operation.definition().message_verbosity;
  variables["MOUNT_DIR"] = place.folder;
  variables["SYSCONF_DIR"] = definition::is_of_schroot(operation.definition(), settings) ? settings.schroot_directory
                                                                                         : settings.config_directory;
  variables["SETUP_DATA_DIR"] = ensure_setup_data(settings.runtime_directory);
  variables["DATA_DIR"] = settings.runtime_directory;
  variables["LIBEXEC_DIR"] = base::parent_path(helper_path(settings));
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(concat(name, '=', value));
  return environment;
}

launch::User hook_owner(const Operation& operation) {
  try {
    return launch::host_user(operation.identity().owner);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::no_such_user) throw;
    // The user was deleted. The session must still end.
    launch::User known;
    known.name = operation.identity().owner_name;
    known.uid = operation.identity().owner;
    known.gid = static_cast<gid_t>(operation.identity().owner);
    known.home = "/";
    known.shell = "/bin/sh";
    return known;
  }
}

}  // namespace unionroot::session
