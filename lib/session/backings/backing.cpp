#include "session/backings/backing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/attributes.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "session/overlay_support.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using definition::UnionBacking;

namespace {

const Backing& folder_or_memory(const Operation& operation) {
  const auto folder = sessions_folder(operation.services().settings, operation.definition());
  auto fault = upper_fault(operation.services(), folder);
  if (!fault) return directory_backing();
  if (operation.definition().union_.backing != UnionBacking::automatic)
    throw Error(ErrorCode::not_supported, std::move(*fault),
                "set union-backing=tmpfs or image, or union-overlay-directory on another file system");
  return tmpfs_backing();
}

}  // namespace

const Backing& backing_for(const Operation& operation) {
  switch (operation.definition().union_.backing) {
    case UnionBacking::automatic:
    case UnionBacking::directory: return folder_or_memory(operation);
    case UnionBacking::tmpfs: return tmpfs_backing();
    case UnionBacking::image: return image_backing();
    case UnionBacking::device: return device_backing();
  }
  throw Error(ErrorCode::not_supported, concat("chroot ", operation.definition().name, ": unknown union-backing"));
}

void note_memory(Operation& operation, const Backing& backing) {
  if (operation.definition().union_.backing != UnionBacking::automatic || &backing != &tmpfs_backing()) return;
  const auto folder = sessions_folder(operation.services().settings, operation.definition());
  if (const auto fault = upper_fault(operation.services(), folder))
    operation.note(
        concat(*fault,
               ": its changes are in memory, and are lost when the machine is restarted; union-backing=image, "
               "or union-overlay-directory on another file system, keeps them"));
}

const Backing* backing_named(const std::string& name) {
  const std::array<const Backing*, 4> all{&directory_backing(), &tmpfs_backing(), &image_backing(), &device_backing()};
  for (const auto* backing : all)
    if (name == backing->name()) return backing;
  return nullptr;
}

namespace {

// Both are made in the same folder. If one inherited no default ACL, the other did not either.
void drop_inherited_acls(int store) {
  for (const char* name : {"upper", "work"})
    if (!kernel::drop_inherited_acl(kernel::open_directory_at(store, name).get())) return;
}

}  // namespace

void make_upper_and_work(int store, int lower) {
  struct stat root {};
  base::check(::fstatat(lower, "", &root, AT_EMPTY_PATH), "reading the owner and mode of the source tree's root");
  kernel::make_directory(store, "work", 0700);
  kernel::make_directory(store, "upper", 0700);
  drop_inherited_acls(store);
  base::fault_point("upper's owner");
  base::check(::fchownat(store, "upper", root.st_uid, root.st_gid, AT_SYMLINK_NOFOLLOW),
              "setting the upper layer's owner");
  base::check(::fchmodat(store, "upper", root.st_mode & 07777, 0), "setting the upper layer's mode");
  // The attributes are copied after the mode, because the group bits of the mode are the mask of an ACL. Attributes of
  // overlayfs and unionroot are not copied: they describe the lower folder itself.
  const base::UniqueFd upper = kernel::open_directory_at(store, "upper");
  kernel::copy_attributes(lower, upper.get(), [](std::string_view name) {
    return !name.starts_with("trusted.overlay.") && !name.starts_with("user.overlay.") &&
           !name.starts_with("trusted.unionroot.");
  });
  const timespec times[2] = {root.st_atim, root.st_mtim};
  base::check(::utimensat(store, "upper", times, AT_SYMLINK_NOFOLLOW), "setting the upper layer's times");
  base::fault_point("upper's owner done");
}

bool keeps_upper(const Operation& operation) { return operation->recovering && !operation.definition().union_.reset; }

bool keeps_trees(const Operation& operation) { return keeps_upper(operation) || operation->cloned_tree; }

base::UniqueFd session_folder(const Operation& operation) {
  const auto path = sessions_folder(operation.services().settings, operation.definition());
  if (operation->recovering) {
    const auto sessions = kernel::open_directory(path);
    if (owned::find(sessions.get(), operation.id(), operation.token()) == owned::Found::foreign)
      throw Error(ErrorCode::stage_failed,
                  concat("its folder ", path, '/', operation.id(), " belongs to ",
                         owned::mark_of(sessions.get(), operation.id()).owner(), ", not to this session"),
                  concat("restore the session's own folder and run `unionroot recover ", operation.id(),
                         "`; or `unionroot end ", operation.id(), "`"));
  }
  return ensure_session_folder(path, operation.token());
}

void discard_session_folder(const Operation& operation, TearDown mode) {
  if (mode == TearDown::keep_data) return;
  const auto& services = operation.services();
  const auto folder = sessions_folder(services.settings, operation.definition());
  discard_session_folder(services.trash, folder, trash_folder(services.settings, folder), operation.token());
}

void clear_work(int store) {
  const auto work = kernel::open_directory_at(store, "work");
  kernel::remove_tree(work.get(), "work");
}

}  // namespace unionroot::session
