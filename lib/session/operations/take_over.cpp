#include "session/operations/take_over.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/rollback.h"
#include "base/text.h"
#include "definition/values.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"
#include "owned/place.h"
#include "session/attempts.h"
#include "session/journal.h"
#include "session/operations/begin.h"
#include "session/overlay_support.h"
#include "session/recovery/recover.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// This file is in the session's folder until the take-over is complete. It holds the path of schroot's layer.
constexpr const char* mark_name = "taken-from";

using definition::folder_of;
std::string name_of(const std::string& path) { return std::string(base::file_name(path)); }

void require_unmounted(const TakeOverRequest& request) {
  const auto location = concat(owned::real_path_of_place(folder_of(request.location)), "/", name_of(request.location));
  const auto upper = concat("upperdir=", request.overlay, "/upper");
  const auto underlay = request.underlay.empty() ? location : request.underlay;
  for (const auto& mount : kernel::read_mountinfo()) {
    const auto options = base::split(mount.super_options, ',');
    const bool uses = std::find(options.begin(), options.end(), upper) != options.end();
    if (!uses && !definition::lies_under(mount.target, location) && !definition::lies_under(mount.target, underlay))
      continue;
    throw Error(ErrorCode::session_busy,
                concat("schroot's session '", request.begin.name, "' is mounted still, at ", mount.target),
                concat("end what runs in it, then: umount --recursive ", location, underlay == location ? "" : " ",
                       underlay == location ? "" : underlay, "; after a reboot it is not mounted"));
  }
}

// schroot's files of the session, held by descriptors. Each folder on the way must belong to root alone.
class Theirs {
 public:
  explicit Theirs(const TakeOverRequest& request) : request_(request), above_(folder_of(request.overlay)) {
    auto parent = owned::open_place("schroot's folder of layers", above_);
    if (parent) parent_ = std::move(*parent);
    auto folder = parent_ ? owned::open_own_folder(parent_.get(), above_, name_of(request.overlay)) : std::nullopt;
    if (folder) folder_ = std::move(*folder);
  }

  void require_layer() const {
    if (folder_ && is_folder("upper")) return;
    const auto& id = request_.begin.name;
    throw Error(
        ErrorCode::stage_failed,
        concat("the files of schroot's session '", id, "' are gone: there is no folder ", request_.overlay, "/upper"),
        concat("end it with schroot: schroot -e -c ", id));
  }

  [[nodiscard]] std::uint64_t mount() const { return kernel::mount_id(folder_.get(), request_.overlay); }

  // From here on the layer belongs to this daemon.
  void move_layer(int store) const {
    kernel::rename_to(folder_.get(), "upper", store, "upper");
    kernel::sync_directory(store);
    kernel::sync_directory(folder_.get());
  }

  // Removes the rest: empty folders and the overlay's work. schroot's file goes last. While it exists, the same request
  // completes an interrupted take-over. Without it schroot does not list the session.
  void forget() const {
    if (folder_) kernel::remove_tree(parent_.get(), name_of(request_.overlay));
    for (const auto& point : {request_.underlay, request_.location}) remove_mount_point(point);
    if (const auto files = owned::open_place("schroot's folder of sessions", folder_of(request_.file)))
      kernel::remove_file(files->get(), name_of(request_.file));
  }

 private:
  // Removes an empty folder. A failure is only logged, since the folder matters only to a session of schroot's of that
  // name.
  static void remove_mount_point(const std::string& path) {
    Attempts attempts;
    attempts.run([&] {
      if (const auto above =
              owned::open_place("schroot's folder of mounts", owned::real_path_of_place(folder_of(path))))
        kernel::remove_directory(above->get(), name_of(path));
    });
    for (const auto& problem : attempts.problems()) base::log::warning(concat("removing ", path, ": ", problem));
  }

  [[nodiscard]] bool is_folder(const char* name) const {
    struct stat facts {};
    return ::fstatat(folder_.get(), name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(facts.st_mode);
  }

  const TakeOverRequest& request_;
  const std::string above_;
  UniqueFd parent_, folder_;
};

// Chooses a folder from which a rename suffices: that of the other sessions, or one beside schroot's layers.
definition::DefinitionPtr with_near_folder(const Parts& parts, const TakeOverRequest& request, const Theirs& theirs) {
  const auto& given = *request.begin.definition;
  const auto usual = sessions_folder(parts.settings, given);
  const bool fits = given.union_.overlay_directory.empty()
                        ? !upper_fault(parts.services, usual)
                        : given.union_.overlay_directory != folder_of(request.overlay);
  if (fits) {
    const auto folder = ensure_sessions_folder(usual);
    // rename(2) does not move between mounts, even of one file system.
    if (kernel::mount_id(folder.get(), usual) == theirs.mount()) return request.begin.definition;
  }
  auto changed = std::make_shared<definition::Definition>(given);
  changed->union_.overlay_directory = concat(folder_of(request.overlay), "/.unionroot");
  return changed;
}

void require_possible(const definition::Definition& definition) {
  using definition::UnionBacking;
  const auto backing = definition.union_.backing;
  if (!definition.has_union() || (backing != UnionBacking::automatic && backing != UnionBacking::directory))
    throw Error(ErrorCode::not_supported,
                concat("chroot ", definition.name,
                       " has no overlay in a folder today, so that a layer of schroot's "
                       "cannot become one of its sessions"),
                "set union-type=overlay, and leave out union-backing, in its definition");
  if (definition.union_.reset)
    throw Error(ErrorCode::not_supported,
                concat("chroot ", definition.name, " has union-reset=yes: its sessions lose their layers"),
                "leave out union-reset in its definition");
}

constexpr std::string_view pending = "it is being taken over from schroot";

// True if an earlier request for the same session was interrupted.
bool is_begun(const Session& session, const TakeOverRequest& request, const std::string& folder) {
  if (session.shown.lock()->error.starts_with(pending)) return true;
  return base::try_read_file(concat(folder, "/", session.id(), "/", mark_name)) == request.overlay;
}

// The session starts as failed: a starting daemon does not remove failed sessions.
SessionPtr enter(Parts& parts, TakeOverRequest& request, const Theirs& theirs) {
  request.begin.definition = with_near_folder(parts, request, theirs);
  auto session = make_session(parts, request.begin);
  Operation operation(session);
  // With this stage, an end before the set-up removes the session's folder.
  auto stages = parts.pipeline.read({{0, "union", store::StageState::starting, {}}});
  const auto records = std::vector{stage_to_record(stages.front())};
  {
    const auto shown = session->shown.lock();
    shown->state = store::SessionState::failed;
    shown->error = concat(pending, "; `unionroot import --sessions ", session->id(), "` goes on with that");
    shown->stages = std::move(stages);
  }
  base::Rollback undo;
  parts.table.add(session, 0, parts.held_sessions);
  undo.add([&] { parts.table.remove(*session); });
  parts.store.add_session(session_record(*session));
  undo.add([&] { parts.store.remove_session(session->id()); });
  parts.store.put_stages(session->id(), records);
  undo.commit();
  parts.tell_added(operation);
  return session;
}

// schroot still has the files. This restores the state before the request.
void undo_entry(Parts& parts, Operation& operation) {
  const auto folder = sessions_folder(parts.settings, operation.definition());
  Attempts attempts;
  attempts.run(
      [&] { discard_session_folder(parts.trash, folder, trash_folder(parts.settings, folder), operation.token()); });
  attempts.run([&] { parts.store.remove_session(operation.id()); });
  for (const auto& problem : attempts.problems())
    base::log::error(concat("session ", operation.id(), ", which could not be taken over: ", problem));
  parts.remove(operation);
}

void move_files(Parts& parts, Operation& operation, const TakeOverRequest& request, const Theirs& theirs) {
  const auto folder = sessions_folder(parts.settings, operation.definition());
  const auto moved = concat(folder, "/", operation.id(), "/upper");
  try {
    ensure_sessions_folder(folder);
    parts.folders.remember(folder);
    const auto store = ensure_session_folder(folder, operation.token());
    if (kernel::exists_at(store.get(), "upper")) return;  // an earlier attempt came this far
    theirs.require_layer();
    kernel::ensure_directory(store.get(), "work", 0700);
    kernel::write_file_atomically(store.get(), mark_name, request.overlay, 0600, true);
    base::fault_point("take-over: before the files");
    theirs.move_layer(store.get());
  } catch (...) {
    if (::access(moved.c_str(), F_OK) != 0) undo_entry(parts, operation);
    throw;
  }
}

}  // namespace

SessionPtr take_over(Parts& parts, TakeOverRequest request) {
  const auto& id = request.begin.name;
  require_possible(*request.begin.definition);
  require_unmounted(request);
  const Theirs theirs(request);
  auto session = parts.table.find(id);
  if (session && !is_begun(*session, request, sessions_folder(parts.settings, *session->definition)))
    throw Error(ErrorCode::session_exists, concat("there is a session '", id, "' already, which is another"),
                concat("end it first: unionroot end ", id));
  if (!session) theirs.require_layer();
  if (!session) session = enter(parts, request, theirs);
  Operation operation(session);
  move_files(parts, operation, request, theirs);
  base::fault_point("take-over: files moved");
  theirs.forget();
  kernel::remove_file(
      kernel::open_directory(concat(sessions_folder(parts.settings, *session->definition), "/", id)).get(), mark_name);
  base::log::info(concat("session ", id, " was schroot's, and is taken over"));
  recover(parts, operation, request.begin.cancelled, request.begin.progress);
  return session;
}

}  // namespace unionroot::session
