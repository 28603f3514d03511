// What a superblock contains that libblkid does not tell.
#pragma once

#include <string>

namespace unionroot::identity {

struct Superblock {
  std::string made;     // TreeIdentity::made
  bool written = true;  // whether a file system of this type can be written to
};

// `made` is empty for other types than ext2 to ext4, squashfs and erofs. Numbers that cannot be read count as 0.
Superblock read_superblock(int device, const std::string& type);

}  // namespace unionroot::identity
