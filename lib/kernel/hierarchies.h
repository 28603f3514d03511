// Where the control groups of other processes are in the file system. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/mountinfo.h"

namespace unionroot::kernel {

// One line of /proc/PID/cgroup, cgroups(7).
struct Membership {
  std::string hierarchy;  // "memory", "cpu,cpuacct", "name=systemd"; empty: version 2
  std::string path;       // of the group in it
  bool operator==(const Membership&) const = default;
};

// The text of /proc/PID/cgroup. Throws Error(failed) for a line that is not as cgroups(7) says.
std::vector<Membership> parse_memberships(std::string_view text);

// The mounts of one mount namespace by which groups can be reached.
class Hierarchies {
 public:
  Hierarchies() = default;
  explicit Hierarchies(const std::vector<MountEntry>& mounts);

  // The folder of a group; nullopt if no mount shows it.
  [[nodiscard]] std::optional<std::string> folder(const Membership& group) const;

 private:
  struct Mounted {
    bool second;                     // version 2
    std::vector<std::string> words;  // of the super block: controllers and name
    std::string root, target;
  };
  std::vector<Mounted> mounted_;
};

}  // namespace unionroot::kernel
