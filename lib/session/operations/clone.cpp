#include "session/operations/clone.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/attempts.h"
#include "session/beginning_record.h"
#include "session/frozen_layers.h"
#include "session/operations/end.h"
#include "session/operations/snapshot.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

FrozenLayers layers_of(const Parts& parts, const Session& session) {
  return {parts.services.settings, parts.services.trash, sessions_folder(parts.settings, *session.definition)};
}

// Of its own, not overlayfs's.
bool has_attributes(int folder) {
  std::array<char, 4096> names{};
  const auto size = ::flistxattr(folder, names.data(), names.size());
  if (size < 0) return errno != ENOTSUP;
  for (std::string_view left(names.data(), static_cast<std::size_t>(size)); !left.empty();) {
    const auto name = left.substr(0, left.find('\0'));
    if (!name.starts_with("trusted.overlay.")) return true;
    left.remove_prefix(name.size() + 1);
  }
  return false;
}

// Whether nothing was changed since its last snapshot, as far as that is told at a glance: it need not be frozen again.
bool is_as_at_last_snapshot(const Parts& parts, const Operation& operation) {
  const auto stack = operation.session().shown.lock()->frozen;
  if (stack.empty()) return false;
  const auto open = [](const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  };
  const auto now = open(operation.upper());
  const auto then = open(layers_of(parts, operation.session()).upper_of(stack.front().id));
  struct stat one {
  }, two{};
  if (!now || !then || ::fstat(now.get(), &one) != 0 || ::fstat(then.get(), &two) != 0) return false;
  return one.st_mode == two.st_mode && one.st_uid == two.st_uid && one.st_gid == two.st_gid &&
         one.st_mtim.tv_sec == two.st_mtim.tv_sec && one.st_mtim.tv_nsec == two.st_mtim.tv_nsec &&
         !has_attributes(now.get()) && kernel::list_directory(now.get()).empty();
}

FrozenStack layers_for(Parts& parts, Operation& operation, const CloneRequest& request) {
  // These layers are frozen already: nothing changes beneath a command.
  if (!request.snapshot.empty()) return from_snapshot(operation, request.snapshot);
  require_freezable(operation, "clone");
  if (!is_as_at_last_snapshot(parts, operation)) snapshot(parts, operation, {}, request.begin.progress);
  return operation.session().shown.lock()->frozen;
}

// As the last thing that is done for it: nothing of it may be left that keeps the layers.
void let_go(Parts& parts, const Session& session) noexcept {
  Attempts attempts;
  auto layers = layers_of(parts, session);
  const auto stack = session.shown.lock()->frozen;
  for (const auto& layer : stack) attempts.run([&] { layers.release(layer.id, session.token()); });
  for (const auto& problem : attempts.problems())
    base::log::error(concat("session ", session.id(), ", which could not be begun: ", problem,
                            "; it is done when the daemon starts next"));
}

// The trees that the session stands on, which a clone's must be.
TreeData tree_of(const Session& session) {
  const auto shown = session.shown.lock();
  for (const auto& stage : shown->stages)
    if (const auto* const data = std::get_if<TreeData>(&stage.data)) return *data;
  return {};
}

// Layers fit the tree alone that they were made on. So it must be told apart from any other.
void require_known_tree(const Operation& operation) {
  using namespace definition;
  const auto& source = operation.definition().source;
  const auto& id = operation.id();
  if (std::holds_alternative<BtrfsSnapshotSource>(source) || std::holds_alternative<LvmSnapshotSource>(source) ||
      std::holds_alternative<ZfsSnapshotSource>(source))
    throw Error(ErrorCode::not_supported,
                concat("cannot clone session ", id, ": its tree is a snapshot of its own, and its layers fit no other"),
                "use a chroot of another type");
  const auto tree = tree_of(operation.session());
  const bool is_known =
      !tree.trees.empty() || !tree.cache_keys.empty() || !tree.content.empty() || tree.mount.starts_with("file-");
  if (is_known) return;
  throw Error(ErrorCode::not_supported,
              concat("cannot clone session ", id, ": its tree cannot be told apart from another"),
              concat("`unionroot end ", id, "` and begin another"));
}

// Nothing is frozen for clones that cannot begin. Their names are theirs when this returns.
std::vector<std::unique_ptr<Beginning>> reserve(Parts& parts, const CloneRequest& request) {
  std::vector<std::unique_ptr<Beginning>> begins;
  auto begin = request.begin;
  for (unsigned number = 1; number <= request.count; ++number) {
    begin.name = clone_name(request, number);
    begins.push_back(std::make_unique<Beginning>(parts, begin));
  }
  for (const auto& each : begins) each->reserve();
  return begins;
}

void hold(FrozenLayers& layers, const FrozenStack& stack, const std::vector<std::unique_ptr<Beginning>>& begins) {
  std::vector<owned::Token> tokens;
  for (const auto& each : begins) tokens.push_back(each->session()->token());
  for (const auto& layer : stack) {
    for (const auto& each : begins)
      if (each->is_cancelled()) throw Error(ErrorCode::cancelled, "it was cancelled");
    layers.hold(layer.id, tokens);
  }
}

}  // namespace

std::string clone_name(const CloneRequest& request, unsigned number) {
  const auto& name = request.begin.name;
  return name.empty() || request.count == 1 ? name : concat(name, "-", number);
}

std::vector<std::unique_ptr<Beginning>> prepare_clones(Parts& parts, Operation& operation,
                                                       const CloneRequest& request) {
  if (request.count == 0 || request.count > most_clones)
    throw Error(ErrorCode::invalid_argument, concat("cannot make ", request.count, " clones of a session at once"),
                concat("ask for 1 to ", most_clones));
  if (!request.snapshot.empty()) static_cast<void>(from_snapshot(operation, request.snapshot));
  require_known_tree(operation);
  auto begins = reserve(parts, request);
  const auto stack = layers_for(parts, operation, request);
  auto layers = layers_of(parts, operation.session());
  const auto record = open_beginning(layers.folder_of(stack.front().id));
  const auto beginning = std::make_shared<const std::string>(record ? read_beginning(record.get()) : std::string());
  for (const auto& each : begins) each->stand_on(stack, beginning, tree_of(operation.session()));
  try {
    hold(layers, stack, begins);
  } catch (...) {
    for (const auto& each : begins) let_go(parts, *each->session());
    throw;
  }
  return begins;
}

std::vector<SessionView> begin_clones(Parts& parts, std::vector<std::unique_ptr<Beginning>> begins) {
  std::vector<SessionPtr> sessions;
  for (const auto& each : begins) sessions.push_back(each->session());
  std::vector<SessionView> views;
  try {
    for (auto& each : begins) {
      // Without a limit for waiting it throws where the tree is not free.
      if (!each->go_on()) each->give_up();
      views.push_back(each->view());
      each.reset();  // from here on others may use the session
    }
    return views;
  } catch (...) {
    const auto begun = views.size();
    begins.clear();
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      if (i >= begun) {
        let_go(parts, *sessions[i]);
        continue;
      }
      try {
        end(parts, sessions[i], {});
      } catch (const std::exception& error) {
        base::log::error(concat("ending clone ", sessions[i]->id(), ": ", error.what()));
      }
    }
    throw;
  }
}

}  // namespace unionroot::session
