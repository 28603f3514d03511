#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/files.h"
#include "mount/from_profile.h"
#include "session/stages/stages.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using definition::UnionBacking;

namespace {

UnionBacking backing_of(const SessionContext& context) {
  const auto backing = context.definition->union_.backing;
  const bool elsewhere = !context.definition->union_.overlay_directory.empty();
  if (backing == UnionBacking::automatic)
    return context.services.state_can_be_upper || elsewhere ? UnionBacking::directory : UnionBacking::tmpfs;
  if (backing == UnionBacking::directory && !context.services.state_can_be_upper && !elsewhere)
    throw Error(ErrorCode::not_supported,
                concat("the state directory ", context.services.settings.state_directory,
                       " is on an overlay itself, which cannot hold upper layers"),
                "set union-backing=tmpfs, or union-overlay-directory on another file system");
  return backing;
}

const char* backing_name(UnionBacking backing) {
  switch (backing) {
    case UnionBacking::automatic: return "auto";
    case UnionBacking::directory: return "directory";
    case UnionBacking::tmpfs: return "tmpfs";
    case UnionBacking::image: return "image";
    case UnionBacking::device: return "device";
  }
  return "unknown";
}

// An overlay's root has the owner and mode of its upper directory, not of the lower one.
void make_upper_and_work(int store, int lower) {
  struct stat root {};
  base::check(::fstatat(lower, "", &root, AT_EMPTY_PATH), "reading the owner and mode of the source tree's root");
  kernel::make_directory(store, "work", 0700);
  kernel::make_directory(store, "upper", 0700);
  base::fault_point("chown upper");
  base::check(::fchownat(store, "upper", root.st_uid, root.st_gid, AT_SYMLINK_NOFOLLOW), "setting the upper layer's owner");
  base::check(::fchmodat(store, "upper", root.st_mode & 07777, 0), "setting the upper layer's mode");
  const timespec times[2] = {root.st_atim, root.st_mtim};
  base::check(::utimensat(store, "upper", times, AT_SYMLINK_NOFOLLOW), "setting the upper layer's times");
}

// overlayfs leaves things in work/work: `incompat/volatile` refuses the next mount, and left-overs three or more levels
// deep make it succeed read-only. It makes the folder anew.
void clear_work(int store) {
  const auto work = kernel::open_directory_at(store, "work");
  kernel::remove_tree(work.get(), "work");
}

UniqueFd directory_store(SessionContext& context) {
  const auto folder = sessions_folder(context.services.settings, *context.definition);
  kernel::ensure_directories(folder, 0711);
  const auto sessions = kernel::open_directory(folder);
  kernel::ensure_directory(sessions.get(), context.id, 0711);
  const auto path = folder + "/" + context.id;
  const auto store = kernel::open_directory(path);
  if (kernel::exists_at(store.get(), "upper")) {
    if (!context.recovering)
      throw Error(ErrorCode::session_exists, concat("session ", context.id, " has an upper layer already: ", path, "/upper"),
                  "choose another name, or move that folder away");
    clear_work(store.get());
  } else {
    make_upper_and_work(store.get(), context.layers.front().get());
  }
  if (context.kind == store::SessionKind::preserved) {
    // Power may fail right after `begin` returned: the folders must be on the disk by then.
    kernel::sync_directory(store.get());
    kernel::sync_directory(sessions.get());
  }
  context.upper = path + "/upper";
  return mount::open_tree_clone(context.services.mounts, path, false, false);
}

UniqueFd tmpfs_store(SessionContext& context) {
  kernel::MountOptions options{{"mode", "0711"}};
  if (const auto& size = context.definition->union_.size)
    options.emplace_back("size", size->percent != 0 ? concat(size->percent, "%") : std::to_string(size->bytes));
  auto store = context.services.mounts.new_filesystem("tmpfs", "unionroot-upper", options, 0);
  make_upper_and_work(store.get(), context.layers.front().get());
  return store;
}

UniqueFd open_store(SessionContext& context, UnionBacking backing) {
  switch (backing) {
    case UnionBacking::tmpfs: return tmpfs_store(context);
    case UnionBacking::automatic:
    case UnionBacking::directory: return directory_store(context);
    case UnionBacking::image:
    case UnionBacking::device: break;
  }
  throw Error(ErrorCode::not_supported, concat("union-backing=", backing_name(backing), " is not supported by this version"),
              "use union-backing=directory or tmpfs");
}

bool is_volatile(const SessionContext& context) {
  // Never for a session that is to survive a crash of the machine.
  return context.automatic() && context.definition->union_.volatile_upper != definition::Choice::no;
}

void lay_overlay(SessionContext& context, StageData& data) {
  const auto backing = backing_of(context);
  data["backing"] = backing_name(backing);
  mount::OverlayPlan plan;
  plan.lowers = static_cast<unsigned>(context.layers.size());
  plan.options = mount::overlay_options(context.definition->union_.mount_options);
  plan.volatile_upper = is_volatile(context);
  auto store = open_store(context, backing);
  context.space.emplace(context.services.namespaces.create());
  context.space->lay_overlay(plan, std::move(context.layers), std::move(store));
  context.layers.clear();
  if (context.space->read_only())
    throw Error(ErrorCode::stage_failed, "the overlay was mounted read-only: its work directory could not be cleared",
                "look at the kernel's log (dmesg) for what overlayfs says");
}

}  // namespace

void UnionStage::set_up(SessionContext& context, StageData& data) {
  if (context.definition->has_union()) {
    lay_overlay(context, data);
    return;
  }
  if (context.layers.size() != 1)
    throw Error(ErrorCode::stage_failed, concat("several layers need union-type=overlay, chroot ", context.definition->name,
                                                " has union-type=none"));
  context.space.emplace(context.services.namespaces.create());
  context.space->lay_tree(std::move(context.layers.front()));
  context.layers.clear();
}

void UnionStage::tear_down(SessionContext& context, const StageData&, TearDown mode) {
  context.space.reset();  // the last hold on the namespace: everything in it is unmounted
  if (mode == TearDown::keep_data || !context.definition->has_union()) return;
  const auto& settings = context.services.settings;
  const auto folder = sessions_folder(settings, *context.definition);
  try {
    context.services.trash.discard(folder, context.id, trash_folder(settings, *context.definition));
  } catch (const base::SystemError& error) {
    if (error.error_number() != ENOENT) throw;  // no sessions folder: nothing was laid
  }
}

Recovery UnionStage::recover(SessionContext& context, const StageData& data) {
  if (context.definition->has_union()) {
    const auto backing = data.find("backing");
    if (backing != data.end() && backing->second == "directory")
      context.upper = concat(sessions_folder(context.services.settings, *context.definition), "/", context.id, "/upper");
  }
  auto kept = context.services.views.open_namespace(context.id);
  if (!kept) return Recovery::gone;
  context.space.emplace(context.services.namespaces.adopt(std::move(kept)));
  return Recovery::intact;
}

}  // namespace unionroot::session
