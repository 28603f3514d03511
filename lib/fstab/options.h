// The options of one fstab entry, sorted by kind. Private to lib/fstab.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "definition/profile.h"

namespace unionroot::fstab {

struct EntryOptions {
  std::uint64_t set = 0;      // MOUNT_ATTR_*
  std::uint64_t cleared = 0;  // "exec", "suid", "dev": removed from the default attributes
  bool bind = false;
  bool recursive = false;
  bool optional = false;
  bool slave = false;                                       // of a bind; an rbind is one by default
  bool shown = false;                                       // x-unionroot.view
  std::vector<std::pair<std::string, std::string>> others;  // options of the file system itself
};

// Throws Error(definition_invalid) "FILE:LINE: ..." for an option that is not possible here. Options of the file system
// itself are not checked.
EntryOptions sort_options(const definition::FstabEntry& entry);

// Throws Error(definition_invalid) unless the file system type has each of these options.
void check_filesystem_options(const definition::FstabEntry& entry, const std::string& type,
                              const std::vector<std::pair<std::string, std::string>>& options);

// "FILE:LINE"
std::string origin_of(const definition::FstabEntry& entry);

}  // namespace unionroot::fstab
