#include "identity/superblock.h"

#include <unistd.h>

#include <cstdint>
#include <vector>

#include "base/text.h"

namespace unionroot::identity {

namespace {

// All these numbers are little-endian on the disk. Returns 0 if the number cannot be read.
std::uint64_t number_at(int device, off_t offset, std::size_t bytes) {
  std::uint8_t raw[8] = {};
  if (::pread(device, raw, bytes, offset) != static_cast<ssize_t>(bytes)) return 0;
  std::uint64_t number = 0;
  for (std::size_t i = bytes; i-- > 0;) number = number << 8 | raw[i];
  return number;
}

std::string if_any(std::uint64_t number) { return number == 0 ? std::string{} : std::to_string(number); }

}  // namespace

Superblock read_superblock(int device, const std::string& type) {
  // fs/ext4/ext4.h: s_mkfs_time.
  if (type == "ext2" || type == "ext3" || type == "ext4") return {if_any(number_at(device, 1024 + 0x108, 4)), true};
  // fs/squashfs/squashfs_fs.h: mkfs_time, bytes_used, inodes. squashfs has no UUID.
  if (type == "squashfs")
    return {base::concat(number_at(device, 8, 4), "-", number_at(device, 40, 8), "-", number_at(device, 4, 4)), false};
  // fs/erofs/erofs_fs.h: build_time, and the checksum of the superblock.
  if (type == "erofs")
    return {base::concat(number_at(device, 1024 + 24, 8), "-", number_at(device, 1024 + 4, 4)), false};
  return {};
}

}  // namespace unionroot::identity
