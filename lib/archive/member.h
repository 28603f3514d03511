// Private to archive: one member of an archive, as a plain value.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/acl.h"

namespace unionroot::archive::detail {

enum class Type { file, directory, symlink, hard_link, character_device, block_device, fifo };

struct Member {
  std::string name;  // name in the archive, for messages
  std::string path;  // clean_name(name): relative; empty for the root of the tree
  Type type = Type::file;
  mode_t mode = 0;  // the lower twelve bits
  uid_t uid = 0;
  gid_t gid = 0;
  timespec modified{};
  std::string target;  // of a symlink: unchanged; of a hard link: clean
  dev_t device = 0;
  std::vector<std::pair<std::string, std::string>> attributes;
  Acl access_acl, default_acl;
};

// Throws Error(failed) "member 'NAME' of ARCHIVE <why>". The hint is to make the archive anew.
[[noreturn]] void refuse(const std::string& archive, std::string_view member, std::string_view why);
// The same with another hint.
[[noreturn]] void refuse(const std::string& archive, std::string_view member, std::string_view why, std::string hint);

// Removes "./", and doubled and trailing slashes. Refuses empty names, absolute names, and names with "..".
std::string clean_name(const std::string& archive, std::string_view name);

}  // namespace unionroot::archive::detail
