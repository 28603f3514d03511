#include "fstab/from_profile.h"

#include <sys/mount.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "definition/built_in.h"
#include "fstab/options.h"
#include "mount/overlay_entry.h"

namespace unionroot::fstab {

namespace {

using definition::DeviceMode;
using definition::FstabEntry;
using mount::InnerMount;
using mount::MountPlan;
using mount::relative_to_root;

[[noreturn]] void refuse(const std::string& origin, const std::string& what, const std::string& hint = {}) {
  throw base::Error(base::ErrorCode::definition_invalid, base::concat(origin, ": ", what), hint);
}

// An overlay's upper and work folders, as paths on the host.
std::vector<std::string> written_folders(const InnerMount& mount) {
  std::vector<std::string> folders;
  for (const auto& [key, value] : mount.options)
    if (key == "upperdir" || key == "workdir") folders.push_back("/" + relative_to_root(value).value_or(""));
  return folders;
}

constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

using base::is_or_is_beneath;

// A file system that the kernel fills has no programs and, except for terminals, no device nodes that should work. A
// tmpfs gets only the attributes of its entry: it may hold builds, or a tree in which programs make devices.
std::uint64_t default_attributes(const std::string& type) {
  if (type == "devpts") return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  return type == "tmpfs" ? 0 : quiet;
}

InnerMount devpts(const std::string& origin) {
  InnerMount mount;
  mount.target = "dev/pts";
  mount.type = mount.source = "devpts";
  // gid 5 is tty on every Debian; grantpt(3) expects it.
  mount.options = {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "620"}, {"gid", "5"}};
  mount.attributes = default_attributes("devpts");
  mount.origin = origin;
  return mount;
}

InnerMount shared_memory() {
  InnerMount mount;
  mount.target = "dev/shm";
  mount.type = "tmpfs";
  mount.source = "shm";
  mount.options = {{"mode", "1777"}};
  mount.attributes = quiet;
  mount.origin = "built-in";
  return mount;
}

class Planner {
 public:
  explicit Planner(const definition::Definition& definition) : definition_(definition) {}

  MountPlan plan() {
    for (const FstabEntry& entry : definition_.profile.fstab) add(entry);
    if (plan_.private_dev) add_missing_devices();
    return std::move(plan_);
  }

 private:
  void add(const FstabEntry& entry) {
    EntryOptions options = sort_options(entry);
    if (entry.type == "swap" || entry.type == "ignore") return;
    const auto target = relative_to_root(entry.target);
    if (!target)
      refuse(origin_of(entry),
             base::concat("target ", base::printable(entry.target), ": expected an absolute path without .."));
    if (target->empty()) refuse(origin_of(entry), "target /: the definition itself sets the root");

    InnerMount mount;
    mount.target = *target;
    mount.optional = options.optional;
    mount.shown = options.shown;
    mount.usual = options.optional && definition::has_built_in_profile_entry(entry);
    mount.origin = origin_of(entry);
    mount.type = options.bind ? "" : entry.type;
    if (options.bind) take_bind(entry, options, mount);
    if (mount.type == "overlay") {
      take_overlay(options, mount);
      refuse_used_upper(mount);
    } else if (mount.target == "dev" && (mount.type == "dev" || mount.type == "devtmpfs" || mount.type == "tmpfs")) {
      take_dev(options, mount);
      return;
    } else if (!mount.type.empty()) {
      take_filesystem(entry, options, mount);
    }
    plan_.mounts.push_back(std::move(mount));
    // An entry for /dev/pts or /dev/shm needs a /dev. With `dev=private` that is the private one.
    if (is_or_is_beneath(*target, "dev") && *target != "dev" && definition_.dev == DeviceMode::private_dev &&
        !literal_dev_)
      plan_.private_dev = true;
  }

  // Leaves mount.type empty for a real bind. Otherwise sets it to the file system that replaces the bind.
  void take_bind(const FstabEntry& entry, const EntryOptions& options, InnerMount& mount) {
    const auto source = relative_to_root(entry.source);
    if (!source)
      refuse(mount.origin, base::concat("source ", base::printable(entry.source),
                                        " of a bind: expected an absolute path without .."));
    // A bind of the host's own would show and change the host's disks and terminals. An rbind of /sys stays a bind: it
    // contains mounts such as control groups, which a new sysfs does not have.
    static const std::map<std::string, std::string> instead = {
        {"proc", "proc"}, {"sys", "sysfs"}, {"dev/pts", "devpts"}, {"dev", "dev"}};
    if (const auto found = instead.find(*source);
        found != instead.end() && *source == mount.target && !(options.recursive && *source == "sys")) {
      mount.type = found->second;
      return;
    }
    mount.kind = InnerMount::Kind::bind;
    mount.source = "/" + *source;
    mount.recursive = options.recursive;
    mount.slave = options.slave;
    mount.attributes = options.set;
    if (mount.target == "dev") literal_dev_ = true;
  }

  void take_filesystem(const FstabEntry& entry, EntryOptions& options, InnerMount& mount) {
    static const std::set<std::string> types = {"proc", "sysfs", "tmpfs", "devpts", "mqueue"};
    if (!types.contains(mount.type)) {
      if (mount.type == "none")
        refuse(mount.origin, "type none without bind or rbind", "add the option bind, or name a type");
      refuse(mount.origin, base::concat("unknown type ", base::printable(mount.type)),
             "expected none (with bind or rbind), proc, sysfs, tmpfs, devpts, mqueue or overlay");
    }
    check_filesystem_options(entry, mount.type, options.others);
    mount.source = options.bind || entry.source == "none" || entry.source.empty() ? mount.type : entry.source;
    mount.options = std::move(options.others);
    if (mount.type == "devpts") complete_devpts(mount);
    mount.attributes = (default_attributes(mount.type) & ~options.cleared) | options.set;
  }

  // Always a new instance, with a ptmx that works.
  static void complete_devpts(InnerMount& mount) {
    for (const auto& wanted : devpts("").options) {
      const auto same = [&](const auto& option) { return option.first == wanted.first; };
      if (std::none_of(mount.options.begin(), mount.options.end(), same)) mount.options.push_back(wanted);
    }
  }

  static void take_overlay(EntryOptions& options, InnerMount& mount) {
    mount.kind = InnerMount::Kind::overlay;
    mount.source = "overlay";
    mount.options = std::move(options.others);
    mount.attributes = options.set;
    static_cast<void>(mount::overlay_entry(mount));  // checks it
  }

  // The kernel allows one layer in two mounts, but then the content of both is undefined.
  void refuse_used_upper(const InnerMount& mount) {
    for (const std::string& path : written_folders(mount)) {
      const auto [other, fresh] = written_.emplace(path, mount.origin);
      if (!fresh)
        refuse(mount.origin,
               base::concat("the overlay of ", other->second, " writes to ", base::printable(path), " too"));
    }
  }

  void take_dev(const EntryOptions& options, InnerMount& mount) {
    if (definition_.dev == DeviceMode::private_dev) {
      plan_.private_dev = true;
      return;
    }
    mount.kind = InnerMount::Kind::bind;
    mount.type.clear();
    mount.source = "/dev";
    mount.recursive = mount.slave = true;
    mount.attributes = options.set;
    plan_.mounts.push_back(mount);
    // The session does not get the host's terminals.
    if (!listed("/dev/pts")) plan_.mounts.push_back(devpts(mount.origin));
  }

  // A private /dev is mounted first, so the mounts that it needs come before those of the profile.
  void add_missing_devices() {
    std::vector<InnerMount> first;
    if (!planned("dev/pts")) first.push_back(devpts("built-in"));
    if (!planned("dev/shm")) first.push_back(shared_memory());
    plan_.mounts.insert(plan_.mounts.begin(), first.begin(), first.end());
  }

  [[nodiscard]] bool planned(const std::string& target) const {
    return std::any_of(plan_.mounts.begin(), plan_.mounts.end(),
                       [&](const InnerMount& mount) { return mount.target == target; });
  }
  [[nodiscard]] bool listed(const std::string& path) const {
    return std::any_of(
        definition_.profile.fstab.begin(), definition_.profile.fstab.end(),
        [&](const FstabEntry& entry) { return relative_to_root(entry.target) == relative_to_root(path); });
  }

  const definition::Definition& definition_;
  MountPlan plan_;
  bool literal_dev_ = false;
  std::map<std::string, std::string> written_;  // upper and work folders, each with the entry that uses it
};

}  // namespace

MountPlan plan_inner_mounts(const definition::Definition& definition) {
  if (definition.is_plain()) return {};
  return Planner(definition).plan();
}

std::vector<std::string> folders_written_by_overlays(const definition::Definition& definition) {
  std::vector<std::string> folders;
  for (const InnerMount& mount : plan_inner_mounts(definition).mounts) {
    if (mount.kind != InnerMount::Kind::overlay) continue;
    for (std::string& folder : written_folders(mount)) folders.push_back(std::move(folder));
  }
  return folders;
}

std::vector<std::string> options_without_effect(const definition::Definition& definition) {
  std::vector<std::string> found;
  if (definition.is_plain()) return found;
  for (const FstabEntry& entry : definition.profile.fstab) {
    const EntryOptions options = sort_options(entry);
    if (!options.bind) continue;
    for (const auto& [key, value] : options.others)
      found.push_back(base::concat(origin_of(entry), ": option ", base::printable(key), " has no effect on a bind"));
  }
  return found;
}

}  // namespace unionroot::fstab
