// The options of one fstab entry, sorted by what they are. Private to lib/fstab.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "definition/profile.h"

namespace unionroot::fstab {

struct EntryOptions {
  std::uint64_t set = 0;      // MOUNT_ATTR_*
  std::uint64_t cleared = 0;  // "exec", "suid", "dev": wins over what is set by default
  bool bind = false;
  bool recursive = false;
  bool optional = false;
  bool slave = false;                                       // of a bind; without a word for it, an rbind is one
  bool shown = false;                                       // x-unionroot.view
  std::vector<std::pair<std::string, std::string>> others;  // for the file system itself
};

// Throws Error(definition_invalid) "FILE:LINE: ..." for an option that could not be honoured here. Those of the file
// system itself are not looked at.
EntryOptions sort_options(const definition::FstabEntry& entry);

// Throws unless each is an option that the file system type has.
void check_filesystem_options(const definition::FstabEntry& entry, const std::string& type,
                              const std::vector<std::pair<std::string, std::string>>& options);

// "FILE:LINE"
std::string origin_of(const definition::FstabEntry& entry);

}  // namespace unionroot::fstab
