#include "boot/layers.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "boot/backing.h"
#include "boot/base.h"
#include "boot/open_folder.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// With less free space on an upper layer, neither a log nor a lock file can be written.
constexpr std::uint64_t least_bytes = std::uint64_t{256} << 10;
constexpr std::uint64_t least_inodes = 8;

struct UpperFolders {
  std::string upper, work;
  Layout layout;
};

class Layers {
 public:
  Layers(kernel::Mounts& mounts, const Site& site, const Plan& plan, const UniqueFd& lower, const Accept& accept)
      : mounts_(mounts), site_(site), plan_(plan), lower_(lower), accept_(accept) {}

  Laid lay() {
    base::Rollback rollback;
    mount(lower_, "lower", rollback);
    Laid laid = lay_root();
    rollback.commit();
    return laid;
  }

 private:
  // Mounts the planned overlay. If that fails: one with an upper layer in memory, or the lower layer alone.
  Laid lay_root() {
    Laid laid;
    try {
      if (!plan_.upper.unusable.empty())
        throw Error(ErrorCode::invalid_argument, plan_.upper.unusable, "correct the parameter");
      return overlay_on(plan_.upper);
    } catch (const Error& error) {
      laid.reason = error.with_hint();
    }
    base::log::error(concat("the overlay of this machine's root cannot be laid as planned: ", laid.reason));
    if (plan_.on_failure == OnFailure::temporary) {
      try {
        base::log::error("instead, changes are kept in memory, and are lost when the machine is switched off");
        Laid temporary = overlay_on(memory_upper(plan_.memory_size));
        temporary.state = State::temporary;
        temporary.reason = laid.reason;
        return temporary;
      } catch (const Error& error) {
        laid.reason += concat("; in memory: ", error.with_hint());
        base::log::error(concat("an overlay in memory cannot be laid either: ", error.with_hint()));
      }
    }
    base::log::error("instead, the root is read-only");
    lay_lower_alone();
    laid.state = State::read_only;
    laid.layout = layout_or(Layout::br2);
    return laid;
  }

  Laid overlay_on(const UpperPlan& upper) {
    base::Rollback rollback;
    Laid laid;
    mount_backing(make_backing(mounts_, upper, plan_, lower_.get()), laid, rollback);
    require_room();
    if (upper.reset) reset();
    const auto folders = choose_folders();
    if (upper.device) laid.base = settle(folders, laid.upper);
    laid.upper_folder = folders.upper;
    laid.layout = layout_or(folders.layout);
    prepare(folders);
    const auto lowers = concat(site_.run, "/lower", make_missing(laid.layout, rollback));
    const auto data = concat("lowerdir=", lowers, ",upperdir=", site_.run, "/rw/", folders.upper,
                             ",workdir=", site_.run, "/rw/", folders.work, ",redirect_dir=on,index=off");
    mount_overlay(data);
    unmount_at_rollback(site_.stage, rollback);
    struct statvfs facts {};
    base::check(::statvfs(site_.stage.c_str(), &facts), "looking at the overlay");
    if ((facts.f_flag & ST_RDONLY) != 0)
      throw Error(ErrorCode::failed, "the kernel mounted the overlay read-only; its log says why");
    accept_(open_folder(site_.stage).get());
    if (upper.device && laid.base != "unknown")
      record_base(kernel::open_directory(concat(site_.run, "/rw")).get(), base_);
    rollback.commit();
    return laid;
  }

  void lay_lower_alone() {
    base::Rollback rollback;
    const UniqueFd clone = mounts_.clone_tree(lower_.get(), "", false);
    mounts_.attach(clone.get(), open_folder(site_.stage).get());
    unmount_at_rollback(site_.stage, rollback);
    accept_(open_folder(site_.stage).get());
    rollback.commit();
  }

  // --- steps

  void mount(const UniqueFd& tree, const std::string& name, base::Rollback& rollback) {
    const auto path = concat(site_.run, "/", name);
    kernel::ensure_directories(path, 0755);
    mounts_.attach(tree.get(), open_folder(path).get());
    unmount_at_rollback(path, rollback);
  }

  void unmount_at_rollback(const std::string& path, base::Rollback& rollback) {
    rollback.add([this, path] {
      try {
        mounts_.unmount(path, MNT_DETACH);
      } catch (const Error& error) {
        base::log::warning(error.what());
      }
    });
  }

  void mount_backing(const Backing& backing, Laid& laid, base::Rollback& rollback) {
    if (backing.store) mount(backing.store, "store", rollback);
    mount(backing.tree, "rw", rollback);
    laid.upper = backing.name;
    laid.check = backing.check;
  }

  void require_room() {
    const auto path = concat(site_.run, "/rw");
    struct statvfs facts {};
    base::check(::statvfs(path.c_str(), &facts), "looking at the file system of the upper layer");
    if ((facts.f_flag & ST_RDONLY) != 0)
      throw Error(ErrorCode::failed, "the file system of the upper layer is read-only",
                  "give the changes a file system that can be written to");
    if (plan_.upper.reset) return;
    if (facts.f_bfree * facts.f_frsize < least_bytes || (facts.f_files != 0 && facts.f_ffree < least_inodes))
      throw Error(ErrorCode::no_space, "the file system of the upper layer is full",
                  "mount it, and remove what is not needed, or boot once with rootrwreset=yes");
  }

  // Deletes everything except lost+found, which belongs to the file system.
  void reset() {
    base::log::warning("rootrwreset=yes: everything on the file system of the upper layer is deleted");
    const UniqueFd store = kernel::open_directory(concat(site_.run, "/rw"));
    for (const auto& name : kernel::list_directory(store.get()))
      if (name != "lost+found") kernel::remove_tree(store.get(), name);
  }

  // A partition that was written by one of the other systems keeps its folder names, so that its changes stay in use.
  UpperFolders choose_folders() {
    const UniqueFd store = kernel::open_directory(concat(site_.run, "/rw"));
    const UpperFolders yocto{"upper", "work", Layout::yocto}, br2{"upperdir", "work", Layout::br2};
    if (kernel::exists_at(store.get(), br2.upper)) return br2;
    if (kernel::exists_at(store.get(), yocto.upper)) return yocto;
    return plan_.layout == Layout::yocto ? yocto : br2;
  }

  std::string settle(const UpperFolders& folders, const std::string& device) {
    base_ = base_of(lower_.get());
    const UniqueFd store = kernel::open_directory(concat(site_.run, "/rw"));
    return settle_base(store.get(), folders.upper, base_, plan_.on_other_base, device);
  }

  [[nodiscard]] Layout layout_or(Layout found) const {
    return plan_.layout == Layout::by_partition ? found : plan_.layout;
  }

  void prepare(const UpperFolders& folders) {
    const UniqueFd store = kernel::open_directory(concat(site_.run, "/rw"));
    if (kernel::ensure_directory(store.get(), folders.upper, 0755)) {
      // The overlay's root has the owner and mode of the upper folder, so the lower layer's are copied to it.
      struct stat facts {};
      base::check(::fstat(lower_.get(), &facts), "looking at the lower layer");
      const UniqueFd upper = kernel::open_directory_at(store.get(), folders.upper);
      if (S_ISDIR(facts.st_mode)) {
        base::check(::fchown(upper.get(), facts.st_uid, facts.st_gid), "changing the owner of the upper layer");
        base::check(::fchmod(upper.get(), facts.st_mode & 07777), "changing the mode of the upper layer");
      }
    }
    kernel::ensure_directory(store.get(), folders.work, 0755);
    // A power cut may leave files in work/work. With them the kernel mounts the overlay read-only.
    const UniqueFd work = kernel::open_directory_at(store.get(), folders.work);
    kernel::remove_tree(work.get(), "work");
  }

  void mount_overlay(const std::string& data) {
    try {
      mounts_.mount_at("unionroot", site_.stage, "overlay", 0, data);
    } catch (const base::SystemError& error) {
      if (error.error_number() != ENODEV) throw;
      throw Error(ErrorCode::not_supported, "this kernel has no overlayfs",
                  "add its module, overlay, to the initrd or to /lib/modules");
    }
  }

  // Folders that the lower layer lacks are made in another layer beneath it, so they are no changes. Returns what is
  // added to lowerdir=.
  std::string make_missing(Layout layout, base::Rollback& rollback) {
    std::vector<std::string> missing;
    for (const auto& path : mount_points(layout)) {
      const UniqueFd there(kernel::try_open_beneath(lower_.get(), path.substr(1), O_PATH, 0, kernel::resolve_in_root));
      if (!there) missing.push_back(path);
    }
    if (missing.empty()) return {};
    mount(mounts_.new_filesystem("tmpfs", "unionroot", {{"mode", "755"}, {"size", "1m"}}, 0), "missing", rollback);
    for (const auto& path : missing) kernel::ensure_directories(concat(site_.run, "/missing", path), 0755);
    mounts_.set_attributes(open_folder(concat(site_.run, "/missing")).get(), MOUNT_ATTR_RDONLY, 0, 0, false);
    return concat(":", site_.run, "/missing");
  }

  kernel::Mounts& mounts_;
  const Site& site_;
  const Plan& plan_;
  const UniqueFd& lower_;
  const Accept& accept_;
  Base base_;  // of the lower layer; only set if the upper layer is on a device
};

}  // namespace

std::string_view state_name(State state) {
  switch (state) {
    case State::overlay: return "overlay";
    case State::temporary: return "temporary";
    case State::read_only: return "read-only";
  }
  return "";
}

Laid lay_layers(kernel::Mounts& mounts, const Site& site, const Plan& plan, const UniqueFd& lower,
                const Accept& accept) {
  return Layers(mounts, site, plan, lower, accept).lay();
}

UniqueFd mount_device(kernel::Mounts& mounts, const std::string& path, const std::string& found,
                      const std::vector<std::string>& types, const MountWords& words) {
  if (types.empty() && found.empty())
    throw Error(ErrorCode::failed, concat(base::printable(path), " has no file system on it"),
                concat("make one: mkfs.ext4 -L data ", base::printable(path)));
  auto options = words.options;
  if (words.read_only) options.emplace_back("ro", "");
  const auto all = types.empty() ? std::vector{found} : types;
  for (std::size_t i = 0;; ++i) {
    try {
      return mounts.new_filesystem(all[i], path, options,
                                   words.attributes | (words.read_only ? MOUNT_ATTR_RDONLY : 0U));
    } catch (const base::SystemError& error) {
      if (i + 1 < all.size()) continue;
      throw Error(
          ErrorCode::failed,
          concat(base::printable(path), " (", found.empty() ? "no known file system" : found, "): ", error.what()),
          error.hint());
    }
  }
}

std::vector<std::string> mount_points(Layout layout) {
  std::vector<std::string> paths{"/dev", "/proc", "/sys", "/run", "/tmp"};
  switch (layout) {
    case Layout::by_partition:
    case Layout::br2: paths.insert(paths.end(), {"/media/rfs/ro", "/media/rfs/rw"}); break;
    case Layout::yocto: paths.insert(paths.end(), {"/rofs", "/overlay/rofs", "/overlay/upper", "/overlay/work"}); break;
    case Layout::boundary: paths.insert(paths.end(), {"/mnt/root-RO", "/mnt/root-RW"}); break;
  }
  return paths;
}

}  // namespace unionroot::boot
