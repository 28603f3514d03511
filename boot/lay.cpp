// `unionroot-boot lay ROOT`, for the scripts of an initrd.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/after_boot.h"
#include "boot/block_lock.h"
#include "boot/console_log.h"
#include "boot/fstab.h"
#include "boot/layers.h"
#include "boot/new_root.h"
#include "boot/open_folder.h"
#include "boot/shutdown.h"
#include "boot/start.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::UniqueFd;

namespace {

// Mounts the new root in the old one's place. If that fails, the old one is mounted again.
void take_place(kernel::Mounts& mounts, const Site& site, const std::string& root, const UniqueFd& lower) {
  const UniqueFd tree = clone_new_root(mounts, site);
  mounts.unmount(site.stage, MNT_DETACH);
  if (::rmdir(site.stage.c_str()) != 0) base::log::debug("the folder of the new root stays");
  mounts.unmount(root, MNT_DETACH);
  try {
    mounts.attach(tree.get(), open_folder(root).get());
  } catch (const Error&) {
    mounts.attach(lower.get(), open_folder(root).get());
    throw;
  }
}

// Refuses the root of a running machine, and a folder on which nothing is mounted.
void require_mounted_root(const UniqueFd& tree, const std::string& root) {
  struct statx found {
  }, own{};
  base::check(::statx(tree.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &found), "looking at", root);
  base::check(::statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &own), "looking at /");
  const bool same = found.stx_ino == own.stx_ino && found.stx_dev_major == own.stx_dev_major &&
                    found.stx_dev_minor == own.stx_dev_minor;
  if (same || (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    throw Error(base::ErrorCode::invalid_argument,
                concat(base::printable(root), same ? " is not a mounted root: it is the running root"
                                                   : " is not a mounted root: nothing is mounted there"));
}

// No overlay can be mounted. The root stays as it is, but read-only.
void lay_nothing(const UniqueFd& root, const Plan& plan, const Error& error) {
  Laid laid;
  laid.state = State::read_only;
  laid.reason = error.with_hint();
  base::log::error(concat("no overlay of this machine's root can be laid, so it is read-only: ", laid.reason));
  lock_block_device(root.get());
  leave_for_after_boot("/run", laid, plan, root.get());
}

}  // namespace

int run_lay(const std::string& root) {
  auto& mounts = kernel::real_mounts();
  const UniqueFd old_root = open_folder(root);
  require_mounted_root(old_root, root);
  const Plan plan = read_plan(old_root.get(), RootMounter::another);
  if (plan.refused || !plan.asked) return 0;
  tell_plan(plan);
  keep_log(concat(run_folder, "/messages"));
  const Site site{run_folder, concat(run_folder, "/new")};
  kernel::ensure_directories(site.stage, 0755);
  make_read_only(mounts, root);
  const auto candidates = inits(plan, true);
  try {
    const UniqueFd lower = lower_of(mounts, old_root.get(), plan);
    const Laid laid = lay_for_init(mounts, site, plan, lower, candidates);
    carry_mounts(mounts, root, site);
    show_layers(mounts, site, laid);
    show_fstab(mounts, site, "/run", laid);
    prepare_shutdown(mounts, "/run");
    leave_for_after_boot("/run", laid, plan, lower.get());
    const auto init = find_init(open_folder(site.stage).get(), candidates, -1);
    take_place(mounts, site, root, lower);
    tell_laid(laid);
    // The script for initramfs-tools appends this to /conf/param.conf, which later scripts read.
    if (!plan.other_init && init != default_init) std::printf("init=%s\n", init.c_str());
  } catch (const Error& error) {
    lay_nothing(old_root, plan, error);
  }
  return 0;
}

}  // namespace unionroot::boot
