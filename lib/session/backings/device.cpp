// A block device for one session at a time.
//
// If union-reset is set, it is formatted at each begin and recovery. Otherwise it is formatted at a begin if libblkid
// finds nothing on it: no file system, no partitions, no part of a volume. An existing file system is used as it is.
// The session has its own folder in it, and only that folder is removed when the session ends.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "kernel/block_probe.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "session/backings/backing.h"
#include "session/disks.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

bool can_hold_upper(const std::string& type) { return type == "ext4" || type == "xfs" || type == "btrfs"; }

class DeviceBacking : public Backing {
 public:
  [[nodiscard]] const char* name() const override { return "device"; }

  [[nodiscard]] std::string folder(const std::string& session) const override { return concat("unionroot-", session); }

  UniqueFd set_up(Operation& operation, UnionData& data) const override {
    const auto disk = disk_of(operation);
    try {
      require_unused(operation, disk, Wait::for_set_up);
      require_filesystem(operation, disk);
    } catch (...) {
      data.untouched = true;
      throw;
    }
    auto store = mount_disk(operation, disk, false);
    if (keeps_upper(operation)) require_own_folder(operation, store.get(), disk);
    const auto own = owned::ensure_folder(store.get(), disk.path, folder(operation.id()), operation.token(), 0711);
    if (keeps_upper(operation))
      clear_work(own.get());
    else
      make_upper_and_work(own.get(), operation->layers.front().get());
    if (!operation.automatic()) base::check(::syncfs(own.get()), "syncing the upper layer on", disk.path);
    operation.set_upper(disk.path);
    return store;
  }

  void tear_down(Operation& operation, const UnionData& data, TearDown mode) const override {
    if (mode == TearDown::keep_data) return;
    discard_session_folder(operation, mode);  // it holds session.json
    if (data.untouched) return;
    const auto disk = disk_of(operation);
    // A device that is formatted at each begin need not be emptied.
    if (operation.definition().union_.reset) return;
    const auto device = open_disk(operation.definition().name, disk, true);
    if (!can_hold_upper(kernel::probe_content(device.get(), {}, disk.path).type)) return;  // not formatted yet
    require_unused(operation, disk, Wait::for_tear_down);
    const auto store = mount_disk(operation, disk, false);
    const auto root = kernel::open_directory_at(store.get(), ".");
    const auto unfinished = owned::unfinished_name(operation.token());
    if (kernel::exists_at(root.get(), unfinished)) kernel::remove_tree(root.get(), unfinished);
    if (operation->begun) mark_former(operation, root.get());
    if (owned::find(root.get(), folder(operation.id()), operation.token()) == owned::Found::ours)
      kernel::remove_tree(root.get(), folder(operation.id()));
  }

  void recover(Operation& operation, const UnionData&) const override { operation.set_upper(disk_of(operation).path); }

 private:
  static Disk disk_of(const Operation& operation) {
    const auto& union_ = operation.definition().union_;
    return {"union-device", union_.device, true, 0, union_.device_options, false};
  }

  // A session of a former version wrote no token. Its folder can only be marked while the device is mounted.
  void mark_former(const Operation& operation, int store) const {
    if (operation.identity().marked || !kernel::exists_at(store, folder(operation.id()))) return;
    const auto own = kernel::open_directory_at(store, folder(operation.id()));
    if (owned::read_mark(own.get()).text.empty()) owned::set_mark(own.get(), operation.token());
  }

  void require_own_folder(const Operation& operation, int store, const Disk& disk) const {
    mark_former(operation, store);
    const auto found = owned::find(store, folder(operation.id()), operation.token());
    if (found == owned::Found::ours) return;
    throw Error(ErrorCode::stage_failed,
                found == owned::Found::nothing
                    ? concat("its upper layer on ", disk.path, " is gone")
                    : concat("the folder ", folder(operation.id()), " on ", disk.path, " belongs to ",
                             owned::mark_of(store, folder(operation.id())).owner(), ", not to this session"),
                concat("attach the right device and run `unionroot recover ", operation.id(), "`; or `unionroot end ",
                       operation.id(), "`"));
  }

  // Makes sure that nobody uses the device: a second mount of its file system would succeed, and show the same files.
  // Only waiting for a set-up can be cancelled, because a tear-down may undo a cancelled set-up. A tear-down that
  // waited in vain throws timed_out, so that it is not tried again.
  enum class Wait { for_set_up, for_tear_down };
  static void require_unused(const Operation& operation, const Disk& disk, Wait wait) {
    open_disk(operation.definition().name, disk, false);  // throws clear error messages
    // A mount that was just removed may use the device a little longer. This waits 1 s, or 5 s in a recovery.
    for (int attempt = 0; attempt < (operation->recovering ? 500 : 100); ++attempt) {
      const UniqueFd device(::open(disk.path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC));
      if (device) return;
      if (errno != EBUSY) base::throw_errno("opening", disk.path);
      if (wait == Wait::for_set_up && operation.cancelled())
        throw Error(ErrorCode::cancelled, concat("waiting until ", disk.path, " is not in use: cancelled"));
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw_in_use(operation.services(), operation.definition().name, disk,
                 wait == Wait::for_set_up ? ErrorCode::stage_failed : ErrorCode::timed_out);
  }

  static void require_filesystem(const Operation& operation, const Disk& disk) {
    const auto& union_ = operation.definition().union_;
    const auto device = open_disk(operation.definition().name, disk, true);
    const auto content = kernel::probe_content(device.get(), {}, disk.path);
    if (union_.reset || (content.empty() && !operation->recovering)) {
      make_filesystem(operation, {union_.filesystem.empty() ? "ext4" : union_.filesystem, disk.path, true, true});
      return;
    }
    if (can_hold_upper(content.type)) return;
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", operation.definition().name, ": its union-device ", disk.path, " holds ",
                       content.empty()        ? std::string("nothing, not even a file system")
                       : content.type.empty() ? std::string("a partition table")
                                              : base::printable(content.type),
                       " and is not touched"),
                concat("if its content is not needed, erase it: wipefs --all ", disk.path, ", or set union-reset=yes"));
  }
};

}  // namespace

const Backing& device_backing() {
  static const DeviceBacking backing;
  return backing;
}

}  // namespace unionroot::session
