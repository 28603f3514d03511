#include "definition/check.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/root_only.h"
#include "base/text.h"
#include "definition/hook_scripts.h"
#include "definition/schroot_keys.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

template <typename... Kinds>
struct Overloaded : Kinds... {
  using Kinds::operator()...;
};
template <typename... Kinds>
Overloaded(Kinds...) -> Overloaded<Kinds...>;

class Checker {
 public:
  Checker(const Definition& definition, const Settings& settings, const HostNames& names, Problems& problems)
      : definition_(definition), settings_(settings), names_(names), problems_(problems) {}

  void run() {
    check_source();
    check_union();
    check_access("", definition_.access);
    check_access("source-", definition_.source_access);
    if (!definition_.is_plain()) {
      check_profile();
      check_copyfiles();
    }
    for (const auto& folder : definition_.hook_directories) check_hooks(folder);
  }

 private:
  // Uses the line of the key. If the file has the key's old name (`location` for `directory`), it uses the section's
  // line.
  void add(Problem::Severity severity, std::string_view key, std::string_view message) {
    const auto found = definition_.key_lines.find(key);
    const auto line = found == definition_.key_lines.end() ? definition_.line : found->second;
    problems_.push_back({severity, definition_.file, line, definition_.name, concat(key, ": ", message)});
  }
  void error(std::string_view key, std::string_view message) { add(Problem::Severity::error, key, message); }
  void warning(std::string_view key, std::string_view message) { add(Problem::Severity::warning, key, message); }

  bool look(std::string_view key, const std::string& path, struct stat& status) {
    if (::stat(path.c_str(), &status) == 0) return true;
    error(key, concat('\'', printable(path), "': ", std::generic_category().message(errno),
                      errno == ENOENT ? "; make it, or correct the path" : ""));
    return false;
  }

  void check_owner(std::string_view key, const std::string& path, const struct stat& status) {
    if (status.st_uid != 0)
      warning(key, concat('\'', printable(path), "' is owned by uid ", status.st_uid,
                          ", who can change what root runs in it"));
    else if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
      warning(key, concat('\'', printable(path), "' is writable by everybody; chmod o-w"));
  }

  void check_folder(std::string_view key, const std::string& path, bool owner) {
    struct stat status {};
    if (!look(key, path, status)) return;
    if (!S_ISDIR(status.st_mode)) return error(key, concat('\'', printable(path), "' is not a directory"));
    if (owner) check_owner(key, path, status);
  }

  // A directory whose content the daemon trusts. Sessions are refused unless only root can write to it. A missing one
  // is created by the daemon.
  void check_place(std::string_view key, const std::string& path, base::Links links) {
    if (path.empty()) return;
    const auto found = base::open_root_only(path, links);
    if (found.folder || found.problem == EACCES) return;  // EACCES: the caller is not root
    if (found.problem != 0) return check_folder(key, path, true);
    error(key, concat('\'', printable(path), "' must be a folder that only root can change: '", printable(found.part),
                      "' ", found.why, "; ", found.remedy));
  }

  void check_tree(std::string_view key, const std::string& path) {
    check_folder(key, path, true);
    if (lies_under(path, settings_.state_directory) || lies_under(path, settings_.runtime_directory))
      error(key, concat('\'', printable(path), "' is inside unionroot's own ", settings_.state_directory, " or ",
                        settings_.runtime_directory, "; keep trees elsewhere"));
    else if (!definition_.hide_state && lies_under(settings_.state_directory, path))
      warning(key, concat('\'', printable(path), "' contains unionroot's own ", settings_.state_directory,
                          ", with the files of all sessions"));
  }

  void check_file(std::string_view key, const std::string& path) {
    struct stat status {};
    if (!look(key, path, status)) return;
    if (!S_ISREG(status.st_mode)) return error(key, concat('\'', printable(path), "' is not a regular file"));
    if (status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    const auto who = status.st_uid != 0 ? concat("' is owned by uid ", status.st_uid)
                                        : std::string("' can be written to by others than root");
    error(key, concat('\'', printable(path), who, ", so sessions refuse it; chown root:root ", printable(path),
                      "; chmod go-w ", printable(path)));
  }

  void check_device(std::string_view key, const std::string& path) {
    struct stat status {};
    if (!look(key, path, status)) return;
    if (!S_ISBLK(status.st_mode)) error(key, concat('\'', printable(path), "' is not a block device"));
  }

  void check_source() {
    std::visit(Overloaded{[&](const DirectorySource& source) { check_tree("directory", source.directory); },
                          [&](const FileSource& source) { check_file("file", source.file); },
                          [&](const ImageSource& source) { check_file("file", source.file); },
                          [&](const LoopbackSource& source) { check_file("file", source.file); },
                          [&](const BlockDeviceSource& source) { check_device("device", source.device); },
                          [&](const BtrfsSnapshotSource& source) {
                            check_tree("btrfs-source-subvolume", source.source_subvolume);
                            check_place("btrfs-snapshot-directory", source.snapshot_directory, base::Links::of_root);
                          },
                          [&](const LvmSnapshotSource& source) { check_device("device", source.device); },
                          [](const ZfsSnapshotSource&) {},  // only zfs(8) knows whether it exists
                          [&](const LayersSource& source) {
                            for (const auto& layer : source.lower_directories) check_tree("lower-directories", layer);
                          },
                          [&](const OciSource& source) {
                            check_folder("directory", source.directory, true);
                            check_file("directory", source.directory + "/oci-layout");
                            check_file("directory", source.directory + "/index.json");
                          },
                          [](const CustomSource&) {}},
               definition_.source);
  }

  void check_union() {
    const auto& layout = definition_.union_;
    check_place("union-overlay-directory", layout.overlay_directory, base::Links::of_root_to_the_end);
    if (!layout.device.empty()) check_device("union-device", layout.device);
  }

  // Reports faults that prevent every session, and files that are skipped although the administrator may expect them to
  // run.
  void check_hooks(const std::string& folder) {
    try {
      for (const auto& skipped : list_hook_scripts(folder).skipped) warning("hook-directories", skipped);
    } catch (const base::Error& problem) {
      error("hook-directories", problem.with_hint());
    }
  }

  void check_profile() {
    for (const auto& entry : definition_.profile.fstab) {
      const auto has = [&](std::string_view option) {
        return std::find(entry.options.begin(), entry.options.end(), option) != entry.options.end();
      };
      const bool bind = has("bind") || has("rbind");
      if (!bind || has("x-unionroot.optional") || has("nofail")) continue;
      struct stat status {};
      if (::stat(entry.source.c_str(), &status) == 0) continue;
      error("profile",
            concat("binds '", printable(entry.source), "' (", entry.file, ":", entry.line,
                   "): ", std::generic_category().message(errno), "; add x-unionroot.optional if it may be missing"));
    }
  }

  // As in begin, a file that the host lacks is an error only for definitions of schroot.
  void check_copyfiles() {
    for (const auto& copied : definition_.profile.copyfiles) {
      if (copied.target == "/etc/resolv.conf") continue;  // its own key decides about that file
      const auto fault = copy_fault(copied.source);
      if (!fault.empty())
        error("profile",
              concat("copies '", printable(copied.source), "' (", copied.file, ":", copied.line, "): ", fault));
    }
  }

  // Returns why the file cannot be copied and what to do. Empty if it can.
  [[nodiscard]] std::string copy_fault(const std::string& path) const {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
      return errno == ENOENT && is_of_schroot(definition_, settings_)
                 ? "it does not exist; make it, or remove it from the list"
                 : "";
    if (!S_ISREG(status.st_mode))
      return concat("it is not a regular file, but ", base::kind_of_file(status.st_mode),
                    "; remove it from the list, or bind it in the profile's fstab");
    if (static_cast<std::uint64_t>(status.st_size) > largest_copied_file)
      return concat("it is larger than ", largest_copied_file >> 20,
                    " MiB; remove it from the list, or bind it in the profile's fstab");
    return {};
  }

  void check_access(const std::string& prefix, const AccessLists& access) {
    check_users(prefix + "users", access.users);
    check_users(prefix + "root-users", access.root_users);
    check_groups(prefix + "groups", access.groups);
    check_groups(prefix + "root-groups", access.root_groups);
  }

  void check_users(const std::string& key, const std::vector<std::string>& names) {
    for (const auto& name : names)
      if (!names_.has_user(name)) warning(key, concat("there is no user '", printable(name), "'"));
  }

  void check_groups(const std::string& key, const std::vector<std::string>& names) {
    for (const auto& name : names)
      if (!names_.has_group(name)) warning(key, concat("there is no group '", printable(name), "'"));
  }

  const Definition& definition_;
  const Settings& settings_;
  const HostNames& names_;
  Problems& problems_;
};

// These scripts run in every session whose definition comes from schroot.
void check_setup_scripts(const Settings& settings, Problems& problems) {
  const auto folder = setup_scripts_folder(settings.schroot_directory);
  try {
    for (auto& skipped : list_setup_scripts(folder).skipped)
      problems.push_back({Problem::Severity::warning, folder, 0, {}, std::move(skipped)});
  } catch (const base::Error& problem) {
    problems.push_back({Problem::Severity::error, folder, 0, {}, problem.with_hint()});
  }
}

}  // namespace

Problems check_on_disk(const Snapshot& snapshot, const Settings& settings, const HostNames& names) {
  // Many definitions name the same users, and a name service may be slow. So each name is asked for once.
  std::map<std::string, bool> users, groups;
  const auto once = [](std::map<std::string, bool>& known, const auto& ask) {
    return [&known, &ask](const std::string& name) {
      const auto found = known.find(name);
      return found != known.end() ? found->second : known.emplace(name, ask(name)).first->second;
    };
  };
  const HostNames asked_once{once(users, names.has_user), once(groups, names.has_group)};
  Problems problems;
  for (const auto& definition : snapshot.chroots) Checker(*definition, settings, asked_once, problems).run();
  const bool of_schroot = std::any_of(snapshot.chroots.begin(), snapshot.chroots.end(),
                                      [&](const auto& definition) { return is_of_schroot(*definition, settings); });
  if (of_schroot) check_setup_scripts(settings, problems);
  return problems;
}

}  // namespace unionroot::definition
