#include "kernel/block_probe.h"

#include <blkid/blkid.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::kernel {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

using Probe = std::unique_ptr<blkid_struct_probe, void (*)(blkid_probe)>;
constexpr std::uint64_t sector = 512;  // libblkid's unit for partitions, whatever the sector size of the disk is

Probe open_probe(int descriptor, const LoopPart& part, const std::string& name) {
  Probe probe(::blkid_new_probe(), ::blkid_free_probe);
  if (!probe || ::blkid_probe_set_device(probe.get(), descriptor, static_cast<blkid_loff_t>(part.offset),
                                         static_cast<blkid_loff_t>(part.size)) != 0)
    throw Error(ErrorCode::failed, concat("looking at what ", base::printable(name), " holds: it cannot be read"));
  return probe;
}

std::string value_of(const Probe& probe, const char* key) {
  const char* value = nullptr;
  if (::blkid_probe_lookup_value(probe.get(), key, &value, nullptr) != 0 || value == nullptr) return {};
  return value;
}

// Runs the one chain that is enabled. Returns 1 if it found nothing.
int probe_safely(const Probe& probe, const std::string& name) {
  const int found = ::blkid_do_safeprobe(probe.get());
  if (found == -2)
    throw Error(ErrorCode::failed, concat(base::printable(name), " has the signatures of several kinds of content"),
                "wipefs(8) shows and removes those that are left from earlier use");
  if (found < 0) throw Error(ErrorCode::failed, concat("reading what ", base::printable(name), " holds failed"));
  return found;
}

}  // namespace

BlockContent probe_content(int descriptor, const LoopPart& part, const std::string& name) {
  BlockContent content;
  const auto superblocks = open_probe(descriptor, part, name);
  ::blkid_probe_enable_superblocks(superblocks.get(), 1);
  ::blkid_probe_set_superblocks_flags(superblocks.get(),
                                      BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
  if (probe_safely(superblocks, name) == 0) {
    content.type = value_of(superblocks, "TYPE");
    content.filesystem = value_of(superblocks, "USAGE") == "filesystem";
    content.uuid = value_of(superblocks, "UUID");
    content.label = value_of(superblocks, "LABEL");
    if (content.uuid.find_first_not_of("0-") == std::string::npos) content.uuid.clear();
  }
  const auto tables = open_probe(descriptor, part, name);
  ::blkid_probe_enable_superblocks(tables.get(), 0);
  ::blkid_probe_enable_partitions(tables.get(), 1);
  content.partitions = probe_safely(tables, name) == 0 && !value_of(tables, "PTTYPE").empty();
  return content;
}

PartitionEntry partition_entry(int descriptor, const std::string& name) {
  const auto probe = open_probe(descriptor, {}, name);
  ::blkid_probe_enable_superblocks(probe.get(), 0);
  ::blkid_probe_enable_partitions(probe.get(), 1);
  ::blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
  if (probe_safely(probe, name) != 0) return {};
  return {value_of(probe, "PART_ENTRY_UUID"), value_of(probe, "PART_ENTRY_NAME")};
}

LoopPart find_partition(int descriptor, unsigned number, const std::string& name) {
  const auto probe = open_probe(descriptor, {}, name);
  ::blkid_probe_enable_superblocks(probe.get(), 0);
  ::blkid_probe_enable_partitions(probe.get(), 1);
  // The probe owns the list.
  const auto list = ::blkid_probe_get_partitions(probe.get());
  const int count = list == nullptr ? 0 : ::blkid_partlist_numof_partitions(list);
  if (count <= 0)
    throw Error(ErrorCode::stage_failed, concat(base::printable(name), " has no partition table"),
                "leave `partition` out if it is the image of a file system");
  std::string others;
  for (int i = 0; i < count; ++i) {
    const auto partition = ::blkid_partlist_get_partition(list, i);
    const int found = ::blkid_partition_get_partno(partition);
    if (found != static_cast<int>(number)) {
      others += concat(others.empty() ? "" : ", ", found);
      continue;
    }
    LoopPart part;
    part.offset = static_cast<std::uint64_t>(::blkid_partition_get_start(partition)) * sector;
    part.size = static_cast<std::uint64_t>(::blkid_partition_get_size(partition)) * sector;
    if (::blkid_partition_is_extended(partition) != 0 || part.size == 0)
      throw Error(ErrorCode::stage_failed,
                  concat("partition ", number, " of ", base::printable(name), " only contains other partitions"),
                  concat("its partitions: ", others));
    return part;
  }
  throw Error(ErrorCode::stage_failed, concat(base::printable(name), " has no partition ", number),
              concat("its partitions: ", others));
}

}  // namespace unionroot::kernel
