// What an upper layer changes in the tree that its lower layers show: the change list (docs/layers.md).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "layers/compare.h"
#include "layers/options.h"

namespace unionroot::layers {

enum class Kind : char {
  added = 'A',
  content = 'M',
  properties = 'P',  // owner, mode, time, attributes or the number of names, and not the content
  deleted = 'D',
  type = 'T',  // another type of file
  renamed = 'R',
};

// What stat(2) says of a file.
struct Facts {
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint64_t size = 0, links = 0, device = 0;
  std::int64_t seconds = 0, nanoseconds = 0;                  // of the last change of its content
  std::uint64_t inode = 0;                                    // in its layer
  std::int64_t changed_seconds = 0, changed_nanoseconds = 0;  // of the last change of any kind: ctime
};

struct Change {
  Kind kind = Kind::added;
  std::string path;          // relative to the root, which is ""; of what was deleted, where it was
  std::string former;        // renamed: where it was
  unsigned differences = 0;  // content, properties: Difference
  // Of a folder whose time alone differs, since entries in it came, went or were changed, and these are listed.
  bool by_entries = false;
  // Of a folder that several upper layers have: the inode number in the bottom one of these; else 0.
  std::uint64_t first_inode = 0;
  std::uint64_t link_group = 0;  // of a file in the upper layer with several names: the same for all of them
  std::optional<Facts> before, now;
};

Facts facts_of(const struct stat& status);

struct Layers {
  std::vector<int> lowers;  // descriptors of their roots, readable, top first; borrowed
  int upper = -1;
  std::vector<int> former;  // upper layers that were frozen, between both; top first; borrowed
  Options options;
};

// Calls `tell` for each change, sorted by path in bytes; of one path in the order D, R or A, M or P. False ends it.
// paths: these alone, and what is beneath them; none: all. Memory is taken for the names in the folders on one path and
// for renames, of which there is a limit. While the upper layer is being changed, the list is not that of one instant.
// Throws SystemError, and Error for layers that the options do not fit.
void list_changes(const Layers& layers, const std::vector<std::string>& paths,
                  const std::function<bool(const Change&)>& tell);

}  // namespace unionroot::layers
