#include "session/operations/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/names.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/folder_use.h"
#include "session/frozen_layers.h"
#include "session/held_sessions.h"
#include "session/hooks/tree_services.h"
#include "session/operations/at_rest.h"
#include "session/operations/end.h"
#include "session/operations/run.h"
#include "session/recovery/recover.h"
#include "session/restack.h"
#include "session/stop_clock.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr std::size_t most_layers = 500;  // of one overlay: OVL_MAX_STACK
constexpr std::size_t longest_snapshot_name = 64;
constexpr long btrfs = 0x9123683e;  // BTRFS_SUPER_MAGIC

FrozenLayers layers_of(const Parts& parts, const Session& session) {
  return {parts.services.settings, parts.services.trash, sessions_folder(parts.settings, *session.definition)};
}

std::string own_folder(const Operation& operation) {
  return concat(sessions_folder(operation.services().settings, operation.definition()), "/", operation.id());
}

std::string backing_of(const Session& session) {
  const auto shown = session.shown.lock();
  for (const auto& stage : shown->stages)
    if (const auto* const data = std::get_if<UnionData>(&stage.data)) return data->backing;
  return {};
}

// overlayfs refuses a lower layer that lies in another (ELOOP). Another file system is none of the tree's. The
// subvolumes of btrfs look like others, and are one.
bool lies_beneath(const std::string& folder, const std::string& tree) {
  struct stat root {
  }, here{}, above{};
  struct statfs system {};
  if (::stat(tree.c_str(), &root) != 0 || ::statfs(folder.c_str(), &system) != 0) return false;
  UniqueFd place(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place || ::fstat(place.get(), &here) != 0) return false;
  while (!base::is_same_file(here, root)) {
    UniqueFd parent(::openat(place.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fstat(parent.get(), &above) != 0 || base::is_same_file(above, here)) return false;
    if (above.st_dev != here.st_dev && system.f_type != btrfs) return false;
    place = std::move(parent);
    here = above;
  }
  return true;
}

// index=on keeps which names are one changed file beside the upper layer: a frozen one would have lost it.
bool has_index(const Operation& operation) {
  const UniqueFd index(
      ::open(concat(own_folder(operation), "/work/index").c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return index && !kernel::list_directory(index.get()).empty();
}

std::string names_of(const FrozenStack& stack) {
  std::vector<std::string> names;
  for (const auto& layer : stack) names.push_back(layer.snapshot);
  return names.empty() ? std::string("it has none") : concat("it has ", base::join(names, ", "));
}

bool has(const FrozenStack& stack, const std::string& name) {
  return std::any_of(stack.begin(), stack.end(), [&](const auto& layer) { return layer.snapshot == name; });
}

std::string next_name(const FrozenStack& stack) {
  std::uint64_t last = 0;
  for (const auto& layer : stack) last = std::max(last, base::parse_unsigned(layer.snapshot).value_or(0));
  // The last one may be the greatest number that there is.
  auto next = last + 1;
  while (has(stack, std::to_string(next))) ++next;
  return std::to_string(next);
}

void require_name(const Operation& operation, const FrozenStack& stack, const std::string& name) {
  base::require_valid_name("snapshot name", name, longest_snapshot_name);
  if (has(stack, name))
    throw Error(ErrorCode::invalid_argument, concat("session ", operation.id(), " has a snapshot ", name, " already"),
                concat("choose another name; ", names_of(stack)));
}

void require_room(const Operation& operation, const FrozenStack& stack) {
  const auto& id = operation.id();
  const auto more = concat("`unionroot rollback ", id, "` to an earlier one makes room, or begin another session");
  if (stack.size() >= most_frozen)
    throw Error(ErrorCode::limit_exceeded,
                concat("session ", id, " stands on ", stack.size(), " snapshots, and more than ", most_frozen,
                       " are not laid on each other"),
                more);
  if (stack.size() + operation->directories.size() + 1 > most_layers)
    throw Error(ErrorCode::limit_exceeded,
                concat("session ", id, " stands on ", stack.size() + operation->directories.size(),
                       " layers, and the kernel takes no more than ", most_layers),
                more);
}

// A folder is renamed within a mount, and on btrfs within a subvolume.
void require_one_mount(const std::string& upper, const std::string& layer) {
  struct statx from {
  }, to{};
  for (const auto& [path, facts] : {std::pair{&upper, &from}, std::pair{&layer, &to}})
    base::check(::statx(AT_FDCWD, path->c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, facts), "looking at", *path);
  if (from.stx_mnt_id == to.stx_mnt_id && from.stx_dev_major == to.stx_dev_major &&
      from.stx_dev_minor == to.stx_dev_minor)
    return;
  throw Error(ErrorCode::not_supported,
              concat("its layer ", upper, " cannot become ", layer, ": they are on different mounts or subvolumes"),
              "set union-overlay-directory for its chroot to a folder that has no mount in it");
}

Error still_used(const Operation& operation, const std::string& doing, const std::string& how) {
  return {ErrorCode::session_busy,
          concat("cannot ", doing, " session ", operation.id(), ": its files are still in use: ", how),
          "close them, or end these processes, and try again"};
}

// What holds files of the overlay goes on writing to the layer, whatever is laid on it.
void require_unused(const Operation& operation, const std::string& doing) {
  if (!services_of(operation.definition()).empty()) return;  // they run now, and are stopped first
  if (const auto how = HeldSessions::holders_now(operation); !how.empty()) throw still_used(operation, doing, how);
}

// The plan could not be carried out, or what it makes cannot be mounted.
void set_up_as_before(Parts& parts, Operation& operation, const Restack& plan, const FrozenStack& before) {
  try {
    kill_processes(parts, operation);
    take_back(operation, plan, before);
    recover(parts, operation, {}, {});
  } catch (const std::exception& error) {
    base::log::error(concat("session ", operation.id(), ": setting it up as it was: ", error.what()));
  }
}

void restack(Parts& parts, Operation& operation, const Restack& plan, const std::string& doing, TellProgress progress) {
  auto layers = layers_of(parts, operation.session());
  const auto folder = own_folder(operation);
  const auto before = operation.session().shown.lock()->frozen;
  operation->why_not_frozen.clear();
  const auto write = [&] {
    if (!plan.freeze.empty()) {
      require_unused(operation, doing);
      layers.ensure(plan.freeze, operation.token());
      require_one_mount(concat(folder, "/upper"), layers.folder_of(plan.freeze));
    }
    write_restack(kernel::open_directory(folder).get(), plan);
  };
  const auto take_back = [&] {
    remove_restack(kernel::open_directory(folder).get());
    if (!plan.freeze.empty()) layers.release(plan.freeze, operation.token());
  };
  try {
    set_up_anew(parts, operation, doing, write, take_back, std::move(progress));
  } catch (const BrokenOff&) {
    throw;
  } catch (const std::exception&) {
    // What was thrown away for a rollback does not come back: `recover` goes on with it.
    if (!plan.freeze.empty() && operation.session().state() == store::SessionState::failed && !parts.stopping &&
        !operation.session().end_wanted)
      set_up_as_before(parts, operation, plan, before);
    throw;
  }
  if (!operation->why_not_frozen.empty()) throw still_used(operation, doing, operation->why_not_frozen);
}

}  // namespace

void require_freezable(const Operation& operation, const std::string& doing) {
  const auto& id = operation.id();
  const auto& session = operation.session();
  require_at_rest(session, doing);
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    throw Error(ErrorCode::not_supported, concat("cannot ", doing, " session ", id, ": ", why), hint);
  };
  const auto begin_another = concat("`unionroot end ", id, "` and begin another");
  if (!operation.definition().has_union())
    refuse("it works on its tree itself, and has no layer of its own", "use a chroot with union-type=overlay");
  if (operation.automatic()) refuse("it is a command's own", "begin a session with `unionroot begin`");
  if (operation.definition().union_.reset)
    refuse("its definition has union-reset=yes, and keeps nothing", "use a chroot without it");
  if (std::holds_alternative<definition::CustomSource>(operation.definition().source))
    refuse("scripts of its definition make its tree (type=custom), and are run anew for each set-up",
           "use a chroot of another type");
  if (const auto backing = backing_of(session); backing != "directory")
    refuse(concat("its layer is no folder: union-backing is ", backing.empty() ? "not known" : backing),
           concat("set union-backing=directory for the sessions to come; ", begin_another));
  if (has_index(operation))
    refuse("files with several names were changed on an overlay with index=on, which notes that beside the layer",
           concat("leave index=on out of union-mount-options; ", begin_another));
  const auto sessions = sessions_folder(operation.services().settings, operation.definition());
  const auto layers = layers_folder(operation.services().settings, sessions);
  for (const auto& tree : operation->directories) {
    for (const auto& folder : {sessions, std::string(base::parent_path(layers))})
      if (lies_beneath(folder, tree))
        refuse(concat("its layers are in ", folder, ", which lies in its tree ", tree,
                      ": overlayfs takes no layer that lies in another"),
               "set union-overlay-directory on another file system for its chroot");
    if (base::is_or_is_beneath(tree, layers))
      refuse(concat("its tree ", tree, " lies in ", layers, ", the folder of frozen layers"), "put the tree elsewhere");
  }
  require_known_list(operation);
}

FrozenStack from_snapshot(const Operation& operation, const std::string& name) {
  auto stack = operation.session().shown.lock()->frozen;
  const auto found =
      std::find_if(stack.begin(), stack.end(), [&](const auto& layer) { return layer.snapshot == name; });
  if (found == stack.end())
    throw Error(ErrorCode::invalid_argument,
                concat("session ", operation.id(), " has no snapshot ", base::printable(name)),
                concat(names_of(stack), "; `unionroot snapshots ", operation.id(), "` lists them"));
  stack.erase(stack.begin(), found);
  return stack;
}

std::string snapshot(Parts& parts, Operation& operation, const std::string& name, TellProgress progress) {
  require_freezable(operation, "take a snapshot of");
  auto stack = operation.session().shown.lock()->frozen;
  if (!name.empty()) require_name(operation, stack, name);
  require_room(operation, stack);
  FrozenLayer layer;
  layer.id = base::name_after_chroot(operation.id(), "-" + base::random_token());
  layer.snapshot = name.empty() ? next_name(stack) : name;
  layer.created = base::now_microseconds();
  stack.insert(stack.begin(), layer);
  restack(parts, operation, {layer.id, stack, {}}, "take a snapshot of", std::move(progress));
  base::log::info(concat("session ", operation.id(), ": snapshot ", layer.snapshot));
  return layer.snapshot;
}

void rollback(Parts& parts, Operation& operation, const std::string& name, TellProgress progress) {
  require_freezable(operation, "roll back");
  Restack plan;
  plan.layers = from_snapshot(operation, name);
  const auto before = operation.session().shown.lock()->frozen;
  for (const auto& layer : before)
    if (!has(plan.layers, layer.snapshot)) plan.dropped.push_back(layer.id);
  restack(parts, operation, plan, "roll back", std::move(progress));
  base::log::info(concat("session ", operation.id(), " is what it was at snapshot ", name));
}

std::vector<SnapshotView> snapshots(Parts& parts, const SessionPtr& session) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  const auto layers = layers_of(parts, *session);
  std::vector<SnapshotView> views;
  const auto stack = session->shown.lock()->frozen;
  for (auto layer = stack.rbegin(); layer != stack.rend(); ++layer) {
    UniqueFd upper(::open(layers.upper_of(layer->id).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const bool there = static_cast<bool>(upper);
    const auto use = use_of(std::move(upper), end);
    views.push_back({layer->snapshot, layer->created, use.bytes, there && use.whole});
  }
  return views;
}

}  // namespace unionroot::session
