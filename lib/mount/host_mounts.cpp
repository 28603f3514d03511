#include "mount/host_mounts.h"

#include <algorithm>

#include "base/paths.h"
#include "kernel/mount_list.h"

namespace unionroot::mount {

bool HostMounts::is_own(const std::string& target) const {
  return std::any_of(own_.begin(), own_.end(),
                     [&](const std::string& folder) { return base::is_or_is_beneath(target, folder); });
}

bool HostMounts::look(std::vector<kernel::Mount>& found) {
  const auto ids = kernel::list_mounts();
  if (!ids) return false;
  const std::lock_guard guard(mutex_);
  std::vector<std::uint64_t> known;  // those that are still mounted
  for (const auto id : *ids) {
    if (std::binary_search(known_.begin(), known_.end(), id)) {
      known.push_back(id);
      continue;
    }
    kernel::Mount mount;
    const auto answer = kernel::look_at_mount(id, mount);
    if (answer == kernel::MountAnswer::not_told) return false;
    if (answer == kernel::MountAnswer::gone) continue;
    if (is_own(mount.target))
      known.push_back(id);
    else
      found.push_back(std::move(mount));
  }
  known_ = std::move(known);
  return true;
}

std::vector<kernel::Mount> HostMounts::others() {
  std::vector<kernel::Mount> found;
  if (look(found)) return found;
  found.clear();
  for (auto& entry : kernel::read_mountinfo())
    if (!is_own(entry.target)) found.push_back(std::move(static_cast<kernel::Mount&>(entry)));
  return found;
}

}  // namespace unionroot::mount
