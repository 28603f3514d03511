// The steps that the units of a folder's overlay start.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "boot/after_boot.h"
#include "boot/folders.h"
#include "boot/open_folder.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// A file with this name marks a backing in memory that replaces the planned one.
constexpr const char* mark = "instead";

class Preparation {
 public:
  Preparation(kernel::Mounts& mounts, const FolderPlaces& places) : mounts_(mounts), places_(places) {}

  void use_backing() {
    if (!is_mounted(places_.backing))
      throw Error(ErrorCode::failed, concat("nothing is mounted at ", places_.backing),
                  concat("systemctl status ", places_.backing, " says why"));
    prepare();
  }

  void use_memory() {
    const UniqueFd tree =
        mounts_.new_filesystem("tmpfs", concat(places_.source, "_overlay_tmpfs"), {{"mode", "755"}}, 0);
    kernel::ensure_directories(places_.backing, 0755);
    mounts_.attach(tree.get(), open_folder(places_.backing).get());
    const UniqueFd backing = kernel::open_directory(places_.backing);
    kernel::ensure_file(backing.get(), mark, 0644);
    prepare();
  }

 private:
  void prepare() {
    mounts_.set_attributes(open_folder(places_.backing).get(), 0, 0, MS_PRIVATE, false);
    const UniqueFd backing = kernel::open_directory(places_.backing);
    for (const char* name : {"lower", "work"}) kernel::ensure_directory(backing.get(), name, 0755);
    make_upper(backing);
    // A power cut may leave files in work/work. With them the kernel mounts the overlay read-only.
    const UniqueFd work = kernel::open_directory_at(backing.get(), "work");
    kernel::remove_tree(work.get(), "work");
    base::Rollback rollback;
    const UniqueFd lower = mounts_.clone_tree(AT_FDCWD, places_.folder, false);
    mounts_.set_attributes(lower.get(), MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, false);
    mounts_.attach(lower.get(), open_folder(places_.lower).get());
    rollback.add([this] { mounts_.unmount(places_.lower, MNT_DETACH); });
    try_overlay();
    rollback.commit();
  }

  void make_upper(const UniqueFd& backing) {
    if (!kernel::ensure_directory(backing.get(), "upper", 0755)) return;
    struct stat facts {};
    base::check(::stat(places_.folder.c_str(), &facts), "looking at", places_.folder);
    const UniqueFd upper = kernel::open_directory_at(backing.get(), "upper");
    base::check(::fchown(upper.get(), facts.st_uid, facts.st_gid), "changing the owner of", places_.upper);
    base::check(::fchmod(upper.get(), facts.st_mode & 07777), "changing the mode of", places_.upper);
  }

  // Mounts the overlay on trial. This is the only way to find an upper layer that belongs to another lower one: with
  // index=on the mount fails with ESTALE.
  void try_overlay() {
    const UniqueFd tried = mounts_.new_filesystem("overlay", "tried", places_.options(), 0);
    struct statvfs facts {};
    if (::fstatvfs(tried.get(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0)
      throw Error(ErrorCode::failed, "the kernel mounts it read-only; its log says why");
  }

  kernel::Mounts& mounts_;
  const FolderPlaces& places_;
};

void require_folder(const std::string& folder) {
  if (const auto problem = folder_problem(folder); !problem.empty())
    throw Error(ErrorCode::invalid_argument, concat(base::printable(folder), ": ", problem));
}

void tell_people(const std::string& run, const FolderPlaces& places, const std::string& why) {
  const auto text = concat("*** unionroot: Changes in ", places.folder,
                           " are kept in memory, and are lost when this machine is switched off.\n    ",
                           base::printable(why, 400), "\n\n");
  try {
    write_for_after_boot(concat(run, "/issue.d/unionroot-", places.name, ".issue"), text);
    write_for_after_boot(concat(run, "/motd.d/unionroot-", places.name), text);
  } catch (const Error& error) {
    base::log::warning(error.what());
  }
}

}  // namespace

void prepare_folder(kernel::Mounts& mounts, const std::string& folder, const std::string& run) {
  require_folder(folder);
  const FolderPlaces places(folder);
  if (is_mounted(places.lower))
    throw Error(ErrorCode::failed, concat(places.lower, " is mounted already"), "release it first");
  Preparation preparation(mounts, places);
  try {
    return preparation.use_backing();
  } catch (const Error& error) {
    const auto why = error.with_hint();
    base::log::error(
        concat("the changes of ", folder, " cannot be kept as planned, so they are kept in memory: ", why));
    tell_people(run, places, why);
  }
  preparation.use_memory();
}

void release_folder(kernel::Mounts& mounts, const std::string& folder) {
  require_folder(folder);
  const FolderPlaces places(folder);
  mounts.unmount(places.lower, MNT_DETACH);
  // Another unit unmounts the planned backing.
  if (::access(concat(places.backing, "/", mark).c_str(), F_OK) == 0) mounts.unmount(places.backing, MNT_DETACH);
}

}  // namespace unionroot::boot
