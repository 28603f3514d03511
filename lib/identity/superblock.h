// What a superblock tells that libblkid does not.
#pragma once

#include <string>

namespace unionroot::identity {

struct Superblock {
  std::string made;     // TreeIdentity::made
  bool written = true;  // whether a file system of this type can be written to
};

// Empty for a type that has nothing of the kind, and for a device that cannot be read.
Superblock read_superblock(int device, const std::string& type);

}  // namespace unionroot::identity
