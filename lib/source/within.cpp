#include "source/within.h"

#include <algorithm>
#include <array>
#include <boost/filesystem.hpp>
#include <string_view>

#include "base/paths.h"
#include "base/text.h"

namespace unionroot::source {

namespace {

// These file systems show the kernel's state. None of their content belongs to a tree.
constexpr std::array<std::string_view, 24> of_the_kernel = {
    "autofs",   "binfmt_misc", "bpf",     "cgroup",     "cgroup2",    "configfs",  "debugfs", "devpts",
    "devtmpfs", "efivarfs",    "fusectl", "hugetlbfs",  "mqueue",     "nfsd",      "nsfs",    "proc",
    "pstore",   "ramfs",       "resctrl", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs",   "tracefs"};

}  // namespace

std::vector<std::string> missing_mounts(const std::vector<kernel::Mount>& mounts, const std::string& folder,
                                        const definition::Definition& definition) {
  std::vector<std::string> missing, passed_over;
  const auto is_in = [](const std::vector<std::string>& folders, const std::string& path) {
    return std::any_of(folders.begin(), folders.end(),
                       [&](const auto& above) { return base::is_or_is_beneath(path, above); });
  };
  for (const auto& mount : mounts) {
    if (mount.target == folder || !base::is_or_is_beneath(mount.target, folder)) continue;
    if (std::find(of_the_kernel.begin(), of_the_kernel.end(), mount.type) != of_the_kernel.end()) continue;
    // The daemon's own tmpfs for sessions (mount::make_place).
    if (mount.type == "tmpfs" && mount.source == "unionroot") passed_over.push_back(mount.target);
    if (is_in(passed_over, mount.target)) continue;
    const auto inside = mount.target.substr(folder == "/" ? 0 : folder.size());
    const auto& fstab = definition.profile.fstab;
    const bool covered = std::any_of(fstab.begin(), fstab.end(),
                                     [&](const auto& line) { return base::is_or_is_beneath(inside, line.target); });
    if (!covered && !is_in(missing, inside) && !base::is_or_is_beneath(inside, "/dev")) missing.push_back(inside);
  }
  return missing;
}

std::string about_missing_mounts(const std::vector<kernel::Mount>& mounts, const std::string& folder,
                                 const definition::Definition& definition) {
  boost::system::error_code error;
  const auto real = boost::filesystem::canonical(folder, error);
  if (error) return {};  // the code that opens the folder reports the error
  const auto missing = missing_mounts(mounts, real.string(), definition);
  if (missing.empty()) return {};
  return base::concat("sessions do not see the host's mounts inside the tree: ",
                      base::printable(base::join(missing, ", ")), "; to use them, bind them in the profile's fstab");
}

}  // namespace unionroot::source
