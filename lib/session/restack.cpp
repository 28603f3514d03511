#include "session/restack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
#include "session/backings/backing.h"
#include "session/beginning_record.h"
#include "session/held_sessions.h"
#include "session/sources/directory_identity.h"
#include "session/sources/source.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

std::string sessions_of(const Operation& operation) {
  return sessions_folder(operation.services().settings, operation.definition());
}

FrozenLayers layers_of(const Operation& operation) {
  const auto& services = operation.services();
  return {services.settings, services.trash, sessions_of(operation)};
}

// The session's own; nullopt if there is none.
std::optional<UniqueFd> own_folder(const Operation& operation) {
  const auto sessions = owned::open_place("the folder of sessions", sessions_of(operation));
  if (!sessions || owned::find(sessions->get(), operation.id(), operation.token()) != owned::Found::ours)
    return std::nullopt;
  return kernel::open_directory_at(sessions->get(), operation.id());
}

// The list in the session's folder. Throws Error if it is damaged, or gone.
FrozenStack list_in(const Operation& operation, int folder) {
  // The first list is written while a plan is carried out.
  if (has_frozen_list(folder) || read_restack(folder)) return read_frozen(folder);
  const auto layers = layers_of(operation);
  const auto used = layers.used_by(operation.token());
  // A layer without content was never frozen.
  if (std::none_of(used.begin(), used.end(), [&](const auto& layer) { return layers.has_content(layer); })) return {};
  throw Error(ErrorCode::failed, "the file `layers` beside its upper layer is gone",
              "bring it back from a backup, or end the session");
}

// from/beginning becomes to/beginning.
void copy_beginning(const std::string& from, int to) {
  const auto record = open_beginning(from);
  if (!record) return;
  kernel::write_file_atomically(to, "beginning", read_beginning(record.get()), 0600, false);
}

class Restacking {
 public:
  Restacking(Operation& operation, int folder)
      : operation_(operation),
        folder_(folder),
        path_(concat(sessions_of(operation), "/", operation.id())),
        layers_(layers_of(operation)) {}

  // Each step may have been done by a daemon that died.
  void carry_out(Restack plan) {
    operation_->why_not_frozen = why_not(plan);
    if (!operation_->why_not_frozen.empty()) return withdraw(plan);
    if (!plan.freeze.empty()) freeze(plan);
    const auto below = top_of(plan);
    discard("upper");
    discard("work");
    make_upper_and_work(folder_, below.get());
    if (plan.freeze.empty()) copy_beginning(layers_.folder_of(plan.layers.front().id), folder_);
    kernel::sync_directory(folder_);
    write_frozen(folder_, plan.layers);
    for (const auto& layer : plan.dropped) layers_.release(layer, operation_.token());
    remove_restack(folder_);
  }

  // Should the daemon die on the way, the next one carries the plan out.
  void take_back(const Restack& plan, const FrozenStack& before) {
    const auto layer = kernel::open_directory(layers_.folder_of(plan.freeze));
    if (kernel::exists_at(layer.get(), "upper")) {
      write_restack(folder_, plan);
      discard("upper");
      write_frozen(folder_, before);
      kernel::rename_to(layer.get(), "upper", folder_, "upper");
      kernel::ensure_directory(folder_, "work", 0700);
      kernel::sync_directory(layer.get());
      kernel::sync_directory(folder_);
    }
    withdraw(plan);
  }

 private:
  // Empty if nothing can write to the upper layer any more.
  std::string why_not(const Restack& plan) {
    if (plan.freeze.empty() || layers_.has_content(plan.freeze)) return {};
    return operation_.services().held_sessions.holders_of_former(operation_);
  }

  void withdraw(const Restack& plan) {
    if (!operation_->why_not_frozen.empty())
      base::log::warning(
          concat("session ", operation_.id(), ": its layer is not frozen: ", operation_->why_not_frozen));
    remove_restack(folder_);
    layers_.release(plan.freeze, operation_.token());
  }

  void freeze(Restack& plan) {
    layers_.ensure(plan.freeze, operation_.token());
    const auto layer = kernel::open_directory(layers_.folder_of(plan.freeze));
    if (!kernel::exists_at(layer.get(), "upper")) {
      copy_beginning(path_, layer.get());
      kernel::rename_to(folder_, "upper", layer.get(), "upper");
      kernel::sync_directory(layer.get());
      kernel::sync_directory(folder_);
    }
    plan.layers.front().identity = identify_directories({layers_.upper_of(plan.freeze)});
  }

  [[nodiscard]] UniqueFd top_of(const Restack& plan) const {
    const auto path = layers_.upper_of(plan.layers.at(0).id);
    return UniqueFd(
        base::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the frozen layer", path));
  }

  void discard(const char* name) {
    const auto& services = operation_.services();
    if (kernel::exists_at(folder_, name))
      services.trash.discard(path_, name, trash_folder(services.settings, operation_.definition()));
  }

  Operation& operation_;
  const int folder_;
  const std::string path_;
  FrozenLayers layers_;
};

void require_same(const Operation& operation, const FrozenLayer& layer, const std::string& path) {
  const auto now = identify_directories({path});
  if (now.empty())
    throw Error(
        ErrorCode::stage_failed, concat("its frozen layer ", path, " is gone"),
        concat("bring it back and `unionroot recover ", operation.id(), "`, or `unionroot end ", operation.id(), "`"));
  const auto difference = operation->accept_source ? std::string() : other_directory(layer.identity, now);
  if (difference.empty()) return;
  throw Error(ErrorCode::stage_failed, concat("its frozen layer is not the one that was frozen: ", difference),
              back_or_accept(operation));
}

// By root's word the layers that are there are the right ones.
void identify_again(int folder, const FrozenLayers& layers, FrozenStack& stack) {
  for (auto& layer : stack) layer.identity = identify_directories({layers.upper_of(layer.id)});
  write_frozen(folder, stack);
}

}  // namespace

void lay_frozen(Operation& operation) {
  if (operation.automatic()) return;
  const auto layers = layers_of(operation);
  FrozenStack stack;
  if (operation->recovering) {
    const auto folder = session_folder(operation);
    if (auto plan = read_restack(folder.get())) Restacking(operation, folder.get()).carry_out(std::move(*plan));
    stack = list_in(operation, folder.get());
    for (const auto& layer : stack) require_same(operation, layer, layers.upper_of(layer.id));
    if (operation->accept_source && !stack.empty()) identify_again(folder.get(), layers, stack);
    operation.session().shown.lock()->frozen = stack;
  } else if (operation->cloned_tree) {
    stack = operation.session().shown.lock()->frozen;
    write_frozen(session_folder(operation).get(), stack);
  }
  std::vector<UniqueFd> trees;
  for (const auto& layer : stack)
    trees.push_back(mount::open_tree_clone(operation.services().mounts, layers.upper_of(layer.id), false, true));
  operation->layers.insert(operation->layers.begin(), std::make_move_iterator(trees.begin()),
                           std::make_move_iterator(trees.end()));
}

void find_frozen(Operation& operation) {
  if (operation.automatic()) return;
  try {
    if (const auto folder = own_folder(operation))
      operation.session().shown.lock()->frozen = list_in(operation, folder->get());
  } catch (const Error& error) {  // its commands go on
    base::log::error(
        concat("session ", operation.id(), ": on which layers it stands is not known: ", error.with_hint()));
  }
}

void require_known_list(const Operation& operation) {
  const auto folder = own_folder(operation);
  const auto written = folder ? list_in(operation, folder->get()) : FrozenStack();
  const auto known = operation.session().shown.lock()->frozen;
  const bool same = std::equal(written.begin(), written.end(), known.begin(), known.end(),
                               [](const auto& one, const auto& two) { return one.id == two.id; });
  if (same) return;
  throw Error(ErrorCode::failed, "the file `layers` beside its upper layer does not name the layers that it stands on",
              "bring it back from a backup, or end the session");
}

void take_back(Operation& operation, const Restack& plan, const FrozenStack& before) {
  const auto folder = own_folder(operation);
  if (!folder) return;
  operation->why_not_frozen.clear();
  Restacking(operation, folder->get()).take_back(plan, before);
  operation.session().shown.lock()->frozen = before;
}

void release_frozen(const Operation& operation) {
  if (operation.automatic()) return;
  std::set<std::string> held;
  const auto add = [&](const FrozenStack& stack) {
    for (const auto& layer : stack) held.insert(layer.id);
  };
  add(operation.session().shown.lock()->frozen);
  bool all_known = true;
  try {
    if (const auto folder = own_folder(operation)) {
      add(list_in(operation, folder->get()));
      if (const auto plan = read_restack(folder->get())) {
        add(plan->layers);
        held.insert(plan->dropped.begin(), plan->dropped.end());
      }
    }
  } catch (const Error& error) {
    base::log::warning(concat("session ", operation.id(), ": ", error.what(), "; its layers are searched for"));
    all_known = false;
  }
  auto layers = layers_of(operation);
  for (const auto& layer : held) layers.release(layer, operation.token());
  if (all_known) return;
  try {
    for (const auto& layer : layers.used_by(operation.token())) layers.release(layer, operation.token());
  } catch (const Error& error) {  // the session is to end all the same; the next start looks at what is left
    base::log::warning(concat("session ", operation.id(), ": its frozen layers are not looked for: ", error.what()));
  }
}

FrozenLayers::User user_of(const Services& services, const Session& session, const std::string& layer) {
  const auto path = concat(sessions_folder(services.settings, *session.definition), "/", session.id());
  const auto has = [&](const FrozenStack& stack) {
    return std::any_of(stack.begin(), stack.end(), [&](const auto& each) { return each.id == layer; });
  };
  using User = FrozenLayers::User;
  if (has(session.shown.lock()->frozen)) return User::stands;
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return User::unclear;
  try {
    const auto plan = read_restack(folder.get());
    if (plan &&
        (has(plan->layers) || std::find(plan->dropped.begin(), plan->dropped.end(), layer) != plan->dropped.end()))
      return User::stands;
    if (!has_frozen_list(folder.get())) return User::unclear;
    return has(read_frozen(folder.get())) ? User::stands : User::other;
  } catch (const Error&) {
    return User::unclear;
  }
}

std::vector<std::string> frozen_folders(const Services& services, const Session& session) {
  const FrozenLayers layers(services.settings, services.trash, sessions_folder(services.settings, *session.definition));
  const auto stack = session.shown.lock()->frozen;
  std::vector<std::string> folders;
  for (const auto& layer : stack) folders.push_back(layers.folder_of(layer.id));
  return folders;
}

std::vector<std::string> frozen_uppers(const Services& services, const Session& session) {
  auto folders = frozen_folders(services, session);
  for (auto& folder : folders) folder += "/upper";
  return folders;
}

}  // namespace unionroot::session
