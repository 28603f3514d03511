// What libblkid finds on a disk or in a disk image. Only reads.
#pragma once

#include <optional>
#include <string>

#include "kernel/loop.h"

namespace unionroot::kernel {

struct BlockContent {
  std::string type;         // "ext4", "squashfs", "LVM2_member"; empty if libblkid knows nothing of it
  std::string uuid;         // of the file system; empty if it has none, or only zeros
  std::string label;        // of the file system
  bool filesystem = false;  // false for a member of a volume group, swap, an encrypted volume
  bool partitions = false;  // there is a partition table
  [[nodiscard]] bool empty() const { return type.empty() && !partitions; }
};

// `name` is for messages. Throws Error(failed) if the device cannot be read, or if it has signatures of several kinds
// of content.
BlockContent probe_content(int descriptor, const LoopPart& part, const std::string& name);

// The names of a partition in the partition table of its disk. Needs /sys.
struct PartitionEntry {
  std::string uuid, label;  // empty if the device is not a partition, or has no such name
};
// Throws Error(failed) if the device cannot be read.
PartitionEntry partition_entry(int descriptor, const std::string& name);

// The position of a partition in a disk image. `number` counts from 1, as in the table. Throws Error(stage_failed) if
// there is no partition table or no such partition; the hint lists the partitions that exist.
LoopPart find_partition(int descriptor, unsigned number, const std::string& name);

}  // namespace unionroot::kernel
