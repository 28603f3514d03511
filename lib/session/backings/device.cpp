// A block device that one session at a time has to itself.
//
// It is formatted if union-reset says so, at each begin and recovery, or if libblkid finds nothing at all on it: no
// file system, no partitions, no part of a volume. A file system that is there is used as it is: the session has a
// folder of its own in it, and only that folder goes when it ends.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "kernel/block_probe.h"
#include "kernel/files.h"
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

  [[nodiscard]] std::string folder(const SessionContext& context) const override {
    return concat("unionroot-", context.id);
  }

  UniqueFd set_up(SessionContext& context, StageData& data) const override {
    const auto disk = disk_of(context);
    try {
      require_unused(context, disk);
      require_filesystem(context, disk);
    } catch (...) {
      data["foreign"] = "yes";  // nothing of the session's is on it
      throw;
    }
    auto store = mount_disk(context.services, context.definition->name, disk, false);
    const bool there = kernel::exists_at(store.get(), folder(context));
    if (there && !context.recovering) refuse_foreign(context, data, concat(disk.path, ", folder ", folder(context)));
    if (keeps_upper(context) && !there)
      throw Error(ErrorCode::stage_failed, concat("its upper layer on ", disk.path, " is gone"),
                  concat("`unionroot end ", context.id, "`"));
    kernel::ensure_directory(store.get(), folder(context), 0711);
    const auto own = kernel::open_directory_at(store.get(), folder(context));
    if (keeps_upper(context))
      clear_work(own.get());
    else
      make_upper_and_work(own.get(), context.layers.front().get());
    if (!context.automatic()) base::check(::syncfs(own.get()), "syncing the upper layer on", disk.path);
    context.upper = disk.path;
    return store;
  }

  void tear_down(SessionContext& context, const StageData& data, TearDown mode) const override {
    if (mode == TearDown::keep_data) return;
    remove_session_folder(context);
    if (is_foreign(data)) return;
    const auto disk = disk_of(context);
    // What is formatted at each begin need not be emptied.
    if (context.definition->union_.reset) return;
    const auto device = open_disk(context.definition->name, disk, true);
    if (!can_hold_upper(kernel::probe_content(device.get(), {}, disk.path).type)) return;  // it was not formatted yet
    require_unused(context, disk);
    const auto store = mount_disk(context.services, context.definition->name, disk, false);
    if (!kernel::exists_at(store.get(), folder(context))) return;
    const auto root = kernel::open_directory_at(store.get(), ".");
    kernel::remove_tree(root.get(), folder(context));
  }

  void recover(SessionContext& context, const StageData&) const override { context.upper = disk_of(context).path; }

 private:
  static Disk disk_of(const SessionContext& context) {
    const auto& union_ = context.definition->union_;
    return {"union-device", union_.device, true, 0, union_.device_options, false};
  }

  // Where session.json is.
  static void remove_session_folder(SessionContext& context) {
    const auto& settings = context.services.settings;
    const auto sessions = sessions_folder(settings, *context.definition);
    if (::access(concat(sessions, '/', context.id).c_str(), F_OK) != 0) return;
    context.services.trash.discard(sessions, context.id, trash_folder(settings, *context.definition));
  }

  // A second mount of one file system would succeed, and give the same.
  static void require_unused(const SessionContext& context, const Disk& disk) {
    open_disk(context.definition->name, disk, false);  // for its messages
    // A mount that has just gone may hold it for a moment.
    for (int attempt = 0; attempt < (context.recovering ? 500 : 100); ++attempt) {
      const UniqueFd device(::open(disk.path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC));
      if (device) return;
      if (errno != EBUSY) base::throw_errno("opening", disk.path);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw_in_use(context.definition->name, disk);
  }

  static void require_filesystem(const SessionContext& context, const Disk& disk) {
    const auto& union_ = context.definition->union_;
    const auto device = open_disk(context.definition->name, disk, true);
    const auto content = kernel::probe_content(device.get(), {}, disk.path);
    if (union_.reset || (content.empty() && !context.recovering)) {
      make_filesystem(context, {union_.filesystem.empty() ? "ext4" : union_.filesystem, disk.path, true, true});
      return;
    }
    if (can_hold_upper(content.type)) return;
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", context.definition->name, ": its union-device ", disk.path, " holds ",
                       content.empty()        ? std::string("nothing, not even a file system")
                       : content.type.empty() ? std::string("a partition table")
                                              : base::printable(content.type),
                       " and is not touched"),
                concat("if that is not wanted any more: wipefs --all ", disk.path, ", or union-reset=yes"));
  }
};

}  // namespace

const Backing& device_backing() {
  static const DeviceBacking backing;
  return backing;
}

}  // namespace unionroot::session
