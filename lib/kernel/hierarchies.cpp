#include "kernel/hierarchies.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::kernel {

namespace {

bool has_all(const std::vector<std::string>& words, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  });
}

// For a group outside the reader's cgroup namespace, the kernel shows a path with "..".
bool leads_out(const std::string& path) {
  const auto parts = base::split(path, '/');
  return std::find(parts.begin(), parts.end(), "..") != parts.end();
}

}  // namespace

std::vector<Membership> parse_memberships(std::string_view text) {
  std::vector<Membership> groups;
  for (const std::string& line : base::split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line[second + 1] != '/')
      throw base::Error(base::ErrorCode::failed,
                        base::concat("reading the control groups of a process: this line is not as "
                                     "cgroups(7) says: ",
                                     base::printable(line)));
    groups.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return groups;
}

Hierarchies::Hierarchies(const std::vector<MountEntry>& mounts) {
  for (const MountEntry& entry : mounts)
    if (entry.type == "cgroup" || entry.type == "cgroup2")
      mounted_.push_back({entry.type == "cgroup2", base::split(entry.super_options, ','), entry.root, entry.target});
}

std::optional<std::string> Hierarchies::folder(const Membership& group) const {
  if (leads_out(group.path)) return std::nullopt;
  const auto wanted = base::split(group.hierarchy, ',');
  std::optional<std::string> found;
  // Prefer the usual place to another mount of the hierarchy, which may be unmounted.
  for (const Mounted& mounted : mounted_) {
    if (found && mounted.target.rfind("/sys/fs/cgroup", 0) != 0) continue;
    if (mounted.second != group.hierarchy.empty() || (!mounted.second && !has_all(mounted.words, wanted))) continue;
    // A bind mount of a part of the hierarchy shows only that part.
    std::string path = group.path == "/" ? "" : group.path;
    if (mounted.root != "/") {
      if (path != mounted.root && path.rfind(mounted.root + "/", 0) != 0) continue;
      path.erase(0, mounted.root.size());
    }
    found = mounted.target + path;
  }
  return found;
}

}  // namespace unionroot::kernel
