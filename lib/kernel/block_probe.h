// What a disk, or the image of one, holds: libblkid's answers. It reads, and changes nothing.
#pragma once

#include <optional>
#include <string>

#include "kernel/loop.h"

namespace unionroot::kernel {

struct BlockContent {
  std::string type;         // "ext4", "squashfs", "LVM2_member"; empty: nothing that libblkid knows
  std::string uuid;         // of the file system; empty if it has none, or one of zeros
  std::string label;        // of the file system
  bool filesystem = false;  // not a member of a volume group, swap, an encrypted volume
  bool partitions = false;  // a partition table
  [[nodiscard]] bool empty() const { return type.empty() && !partitions; }
};

// `name` is for messages. Throws Error(failed) if it cannot be read, or if signatures of several kinds contradict
// each other.
BlockContent probe_content(int descriptor, const LoopPart& part, const std::string& name);

// How the partition table of its disk names a partition. Needs /sys.
struct PartitionEntry {
  std::string uuid, label;  // empty: the device is no partition, or has none
};
// Throws Error(failed) if the device cannot be read.
PartitionEntry partition_entry(int descriptor, const std::string& name);

// Where a partition lies in a disk image; `number` from 1 as the table counts. Throws Error(stage_failed) if there is
// no partition table, or no such partition, saying which there are.
LoopPart find_partition(int descriptor, unsigned number, const std::string& name);

}  // namespace unionroot::kernel
