// Finds the control groups of other processes in the file system. Makes no system calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/mountinfo.h"

namespace unionroot::kernel {

// One line of /proc/PID/cgroup, cgroups(7).
struct Membership {
  std::string hierarchy;  // "memory", "cpu,cpuacct", "name=systemd"; empty for version 2
  std::string path;       // of the group in its hierarchy
  bool operator==(const Membership&) const = default;
};

// Parses the text of /proc/PID/cgroup. Throws Error(failed) for a line that does not match cgroups(7).
std::vector<Membership> parse_memberships(std::string_view text);

// The mounts of one mount namespace that show control groups.
class Hierarchies {
 public:
  Hierarchies() = default;
  explicit Hierarchies(const std::vector<MountEntry>& mounts);

  // The folder of a group; nullopt if no mount shows it.
  [[nodiscard]] std::optional<std::string> folder(const Membership& group) const;

 private:
  struct Mounted {
    bool second;                     // version 2
    std::vector<std::string> words;  // super options: controllers and name
    std::string root, target;
  };
  std::vector<Mounted> mounted_;
};

}  // namespace unionroot::kernel
