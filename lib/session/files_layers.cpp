#include "session/files_layers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/names.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/place.h"
#include "session/backings/backing.h"
#include "session/stages/stages.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;

namespace {

// Slots are pairs of user and chroot. Beyond this number a slot is dropped, and its user makes a layer again.
constexpr std::size_t most_slots = 256;

// overlayfs refuses a lower layer inside another one (ELOOP). This happens if the tree is the machine's own root.
bool lies_beneath(const std::string& folder, int root) {
  struct stat wanted {
  }, found{}, above{};
  base::check(::fstatat(root, "", &wanted, AT_EMPTY_PATH), "looking at the tree's root");
  auto place = kernel::open_directory(folder);
  base::check(::fstat(place.get(), &found), "looking at", folder);
  while (true) {
    if (base::is_same_file(found, wanted)) return true;
    base::UniqueFd parent(
        base::check(::openat(place.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening what is above", folder));
    base::check(::fstat(parent.get(), &above), "looking at what is above", folder);
    if (base::is_same_file(above, found)) return false;
    place = std::move(parent);
    found = above;
  }
}

// Somebody may have removed it from the state directory.
bool is_there(const FilesLayer& layer) {
  struct stat facts {};
  return ::stat(layer.path.c_str(), &facts) == 0;
}

// Automatic sessions on a tree that is the same for all sessions, with their upper layer in a folder.
bool worthwhile(const Operation& operation) {
  const auto& definition = operation.definition();
  const bool lasting = definition.type == "directory" || definition.type == "file";
  return operation.automatic() && !operation.is_source() && !operation->recovering && definition.has_union() &&
         lasting && operation->layers.size() == 1 && &backing_for(operation) == &directory_backing();
}

// True if a mount of the profile may lie over one of the files. Then each session must look at what is there.
bool may_be_covered(const definition::Definition& definition, const tree::FilesRequest& request) {
  const auto paths = tree::file_paths(request);
  const auto beside = [](const std::string& path, const std::string& target) {
    return base::is_or_is_beneath(path, target) || base::is_or_is_beneath(target, base::parent_path(path));
  };
  return std::any_of(definition.profile.fstab.begin(), definition.profile.fstab.end(), [&](const auto& mount) {
    const auto target = base::join(base::split(mount.target, '/'), "/");
    return std::any_of(paths.begin(), paths.end(), [&](const auto& path) { return beside(path, target); });
  });
}

}  // namespace

FilesLayers::FilesLayers(const definition::Settings& settings, Trash& trash)
    : settings_(settings), folder_(settings.state_directory + "/files"), trash_(trash) {}

std::string FilesLayers::path_of(const std::string& name) const { return concat(folder_, "/", name, "/upper"); }

std::shared_ptr<const FilesLayer> FilesLayers::take(const Operation& operation, int lower) {
  if (!worthwhile(operation)) return nullptr;
  const auto slot = slot_of(operation);
  const std::lock_guard guard(slot->making);
  auto layer = current(*slot, operation, lower);
  if (!layer) return nullptr;
  const std::lock_guard own(mutex_);
  holders_[layer->name].insert(operation.id());
  if (slot->dropped) {
    // The slot was dropped meanwhile, and the next session makes a new one. So this layer goes with its holders.
    retired_.insert(layer->name);
    slot->layer.reset();
    slot->version.clear();
  }
  return layer;
}

std::shared_ptr<FilesLayers::Slot> FilesLayers::slot_of(const Operation& operation) {
  const auto name = concat(operation.definition().name, "/", operation.identity().owner);
  const std::lock_guard guard(mutex_);
  if (!slots_.contains(name) && slots_.size() >= most_slots) drop_one();
  auto& slot = slots_[name];
  if (!slot) slot = std::make_shared<Slot>();
  return slot;
}

// The caller holds mutex_. Skips slots in use.
void FilesLayers::drop_one() {
  for (auto entry = slots_.begin(); entry != slots_.end(); ++entry) {
    const auto slot = entry->second;
    const std::unique_lock guard(slot->making, std::try_to_lock);
    if (!guard) continue;
    slots_.erase(entry);
    slot->dropped = true;
    if (slot->layer) retire_locked(slot->layer->name);
    slot->layer.reset();
    slot->version.clear();
    return;
  }
}

std::shared_ptr<const FilesLayer> FilesLayers::current(Slot& slot, const Operation& operation, int lower) {
  const auto request = files_request(operation, lower);
  if (may_be_covered(operation.definition(), request)) return nullptr;
  const auto version = tree::files_version(lower, request);
  if (!version) return nullptr;
  if (*version == slot.version && (!slot.layer || is_there(*slot.layer))) return slot.layer;
  if (slot.layer) {
    const std::lock_guard guard(mutex_);
    retire_locked(slot.layer->name);
  }
  slot.layer.reset();
  slot.version = *version;
  try {
    if (!lies_beneath(settings_.state_directory, lower)) slot.layer = make(operation, request, lower);
  } catch (const std::exception& error) {
    base::log::warning(concat("preparing the files of sessions on ", operation.definition().name, ": ", error.what(),
                              "; each session writes them itself"));
  }
  return slot.layer;
}

std::shared_ptr<const FilesLayer> FilesLayers::make(const Operation& operation, const tree::FilesRequest& request,
                                                    int lower) {
  const auto layers = owned::ensure_place("the folder of layers with files", folder_, 0700);
  const auto layer = std::make_shared<FilesLayer>();
  layer->name = base::name_after_chroot(operation.definition().name, "-" + base::random_token());
  layer->path = path_of(layer->name);
  try {
    kernel::make_directory(layers.get(), layer->name, 0700);
    make_upper_and_work(kernel::open_directory_at(layers.get(), layer->name).get(), lower);
    mount::OverlayPlan plan;
    plan.volatile_upper = true;  // it does not outlive a reboot
    auto space = operation.services().namespaces.create();
    std::vector<base::UniqueFd> lowers;
    lowers.push_back(mount::open_tree_clone(operation.services().mounts, operation->directories.front(), false, true));
    space.lay_overlay(
        plan, std::move(lowers),
        mount::open_tree_clone(operation.services().mounts, concat(folder_, "/", layer->name), false, false));
    layer->notes = tree::write_files(space.root().get(), request);
  } catch (...) {
    const std::lock_guard guard(mutex_);
    retire_locked(layer->name);
    throw;
  }
  return layer;
}

std::shared_ptr<const FilesLayer> FilesLayers::hold_again(const std::string& name, const std::string& session) {
  const std::lock_guard guard(mutex_);
  holders_[name].insert(session);
  retired_.insert(name);
  return std::make_shared<const FilesLayer>(FilesLayer{name, path_of(name), {}});
}

void FilesLayers::release(const std::string& name, const std::string& session) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = holders_.find(name);
    if (found == holders_.end() || found->second.erase(session) == 0 || !found->second.empty()) return;
    holders_.erase(found);
    if (retired_.erase(name) == 0) return;
  }
  discard(name);
}

void FilesLayers::retire_locked(const std::string& name) {
  if (holders_.contains(name)) {
    retired_.insert(name);
    return;
  }
  try {
    discard(name);
  } catch (const std::exception& error) {
    // A layer that stays is in nobody's way, so this must not fail the session that begins.
    base::log::warning(concat(error.what(), "; it is tried again when the daemon starts next"));
  }
}

void FilesLayers::discard(const std::string& name) { trash_.discard(folder_, name, trash_folder(settings_)); }

void FilesLayers::clean() {
  std::vector<std::string> names;
  try {
    names = kernel::list_directory(kernel::open_directory(folder_).get());
  } catch (const base::SystemError& error) {
    if (error.error_number() == ENOENT) return;  // none was ever made
    throw;
  }
  for (const auto& name : names) {
    {
      const std::lock_guard guard(mutex_);
      if (holders_.contains(name)) continue;
    }
    discard(name);
  }
}

}  // namespace unionroot::session
