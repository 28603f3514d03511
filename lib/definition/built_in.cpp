#include "definition/built_in.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "definition/built_in_profiles.h"

namespace unionroot::definition {

namespace {

// /tmp and /home belong to the overlay, so files that a command leaves there vanish too. /run is empty: through the
// sockets of the machine's services a command could reach the host.
constexpr BuiltInProfile host_profile{"host",
                                      "proc   /proc     proc    defaults\n"
                                      "sysfs  /sys      sysfs   defaults\n"
                                      "/dev   /dev      none    rw,bind\n"
                                      "devpts /dev/pts  devpts  gid=5,mode=620,ptmxmode=666\n"
                                      "tmpfs  /dev/shm  tmpfs   nosuid,nodev,noexec,mode=1777\n"
                                      "tmpfs  /run      tmpfs   nosuid,nodev,mode=755\n",
                                      "", ""};

const BuiltInProfile* find_profile(std::string_view name) {
  if (name == host_profile.name) return &host_profile;
  const auto& all = built_in_profiles();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& profile) { return profile.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

}  // namespace

bool is_built_in_profile(std::string_view name) { return find_profile(name) != nullptr; }

std::optional<std::string_view> built_in_profile_file(std::string_view profile, ProfileFile kind) {
  const auto* found = find_profile(profile);
  if (found == nullptr) return std::nullopt;
  switch (kind) {
    case ProfileFile::fstab: return found->fstab;
    case ProfileFile::copyfiles: return found->copyfiles;
    case ProfileFile::nssdatabases: break;
  }
  return found->nssdatabases;
}

bool has_built_in_profile_entry(const FstabEntry& entry) {
  static const auto known = [] {
    std::set<std::vector<std::string>> lines;
    const auto add = [&lines](std::string_view fstab) {
      for (const auto& line : base::split(fstab, '\n'))
        if (!line.starts_with('#')) lines.insert(words(line));
    };
    add(host_profile.fstab);
    for (const auto& profile : built_in_profiles()) add(profile.fstab);
    return lines;
  }();
  return known.contains({entry.source, entry.target, entry.type, base::join(entry.options, ",")});
}

Definition built_in_host() {
  Definition host;
  host.name = "host";
  host.type = "directory";
  host.description = "This machine's own root, on a copy that vanishes";
  host.source = DirectorySource{"/", false};
  host.union_.type = UnionType::overlay;
  host.source_clone = false;  // nobody needs a session to change the machine itself
  host.environment_filter = default_environment_filter;
  host.hide_state = true;
  host.nss = NssMode::none;  // the tree has the host's databases already
  host.profile_name = "host";
  host.file = "built-in";
  return host;
}

}  // namespace unionroot::definition
