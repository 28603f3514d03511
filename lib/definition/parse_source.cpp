// Parses the source tree of a definition: the keys of each type.
#include <set>
#include <string_view>

#include "base/text.h"
#include "definition/keys.h"
#include "definition/mount_words.h"
#include "definition/parse_definition.h"
#include "definition/section_reader.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

// True for any spelling of "/". Symlinks are not resolved.
bool is_root(const std::string& path) { return !path.empty() && path_parts(path).empty(); }

DirectorySource parse_directory(SectionReader& reader, bool plain) {
  DirectorySource source;
  source.plain = plain;
  const bool old_name = reader.has("location");
  if (old_name && reader.has("directory")) {
    reader.error(reader.line_of("location"),
                 "both 'directory' and its old name 'location' are given; expected one of them");
  } else if (old_name) {
    reader.warning(reader.line_of("location"), "'location' is the old name of 'directory'; rename the key");
    reader.host_path("location", source.directory);
  } else {
    reader.required_host_path("directory", concat("type ", plain ? "plain" : "directory"), source.directory);
  }
  return source;
}

void parse_mount_options(SectionReader& reader, std::string& value) {
  reader.text("mount-options", value);
  MountWords words;
  const auto wrong = parse_mount_words(value, words);
  if (!wrong.empty()) reader.error(reader.line_of("mount-options"), concat("mount-options: ", wrong));
}

ImageSource parse_image(SectionReader& reader) {
  ImageSource source;
  reader.required_host_path("file", "type image", source.file);
  reader.path("location", source.location);
  std::string partition;
  reader.text("partition", partition);
  if (partition.empty()) return source;
  const auto number = base::parse_unsigned(partition);
  if (number && *number >= 1 && *number <= 128)  // a GUID partition table has 128
    source.partition = static_cast<unsigned>(*number);
  else
    reader.error(reader.line_of("partition"),
                 concat("partition: '", printable(partition), "' is not the number of a partition; expected 1 to 128"));
  return source;
}

LoopbackSource parse_loopback(SectionReader& reader) {
  LoopbackSource source;
  reader.required_host_path("file", "type loopback", source.file);
  parse_mount_options(reader, source.mount_options);
  reader.path("location", source.location);
  return source;
}

BlockDeviceSource parse_block_device(SectionReader& reader) {
  BlockDeviceSource source;
  reader.required_host_path("device", "type block-device", source.device);
  parse_mount_options(reader, source.mount_options);
  reader.path("location", source.location);
  return source;
}

BtrfsSnapshotSource parse_btrfs(SectionReader& reader) {
  BtrfsSnapshotSource source;
  reader.required_host_path("btrfs-source-subvolume", "type btrfs-snapshot", source.source_subvolume);
  reader.required_host_path("btrfs-snapshot-directory", "type btrfs-snapshot", source.snapshot_directory);
  reader.path("location", source.location);
  return source;
}

LvmSnapshotSource parse_lvm(SectionReader& reader) {
  LvmSnapshotSource source;
  reader.required_host_path("device", "type lvm-snapshot", source.device);
  reader.required_text("lvm-snapshot-options", "type lvm-snapshot", source.snapshot_options);
  parse_mount_options(reader, source.mount_options);
  reader.path("location", source.location);
  return source;
}

// Names of data sets, by zfs(8): components of letters, digits, "-_.:" and blanks. The name becomes an argument of a
// command.
bool valid_dataset(std::string_view name) {
  if (name.empty() || name.front() == '-' || name.front() == '/' || name.back() == '/') return false;
  return name.find_first_of("@#%") == std::string_view::npos && name.find("//") == std::string_view::npos;
}

ZfsSnapshotSource parse_zfs(SectionReader& reader) {
  ZfsSnapshotSource source;
  reader.required_text("zfs-dataset", "type zfs-snapshot", source.dataset);
  if (!source.dataset.empty() && !valid_dataset(source.dataset))
    reader.error(reader.line_of("zfs-dataset"), concat("zfs-dataset: '", printable(source.dataset),
                                                       "' is not the name of a data set; expected POOL/NAME"));
  reader.text("zfs-snapshot-options", source.snapshot_options);
  reader.path("location", source.location);
  return source;
}

LayersSource parse_layers(SectionReader& reader) {
  constexpr std::size_t most = 500;  // the kernel's limit for one overlay
  LayersSource source;
  std::string text;
  reader.required_text("lower-directories", "type layers", text);
  reader.paths("lower-directories", source.lower_directories);
  const unsigned line = reader.line_of("lower-directories");
  if (!text.empty() && source.lower_directories.empty())
    reader.error(line, "lower-directories: the list is empty; expected absolute paths, top first");
  if (source.lower_directories.size() > most)
    reader.error(line, concat("lower-directories: ", source.lower_directories.size(), " layers; at most ", most,
                              " can be stacked"));
  std::set<std::string_view> seen;
  for (const auto& layer : source.lower_directories) {
    const auto fault = host_path_fault(layer);
    if (!fault.empty()) reader.error(line, concat("lower-directories: '", printable(layer), "' ", fault));
    if (!seen.insert(layer).second)
      reader.error(line,
                   concat("lower-directories: '", printable(layer), "' is there twice; expected each folder once"));
  }
  return source;
}

OciSource parse_oci(SectionReader& reader) {
  OciSource source;
  reader.required_host_path("directory", "type oci", source.directory);
  reader.text("reference", source.reference);
  return source;
}

CustomSource parse_custom(SectionReader& reader) {
  CustomSource source;
  reader.boolean("custom-session-cloneable", source.session_cloneable);
  reader.boolean("custom-session-purgeable", source.session_purgeable);
  reader.boolean("custom-source-cloneable", source.source_cloneable);
  return source;
}

}  // namespace

void parse_source(SectionReader& reader, unsigned type, Definition& definition) {
  switch (type) {
    case type_plain: definition.source = parse_directory(reader, true); break;
    case type_directory: {
      DirectorySource source = parse_directory(reader, false);
      // The machine's own root contains the files of all sessions, as with the built-in `host`.
      definition.hide_state = is_root(source.directory);
      definition.source = std::move(source);
      break;
    }
    case type_file: {
      FileSource source;
      reader.required_host_path("file", "type file", source.file);
      reader.path("location", source.location);
      definition.source = source;
      break;
    }
    case type_image: definition.source = parse_image(reader); break;
    case type_loopback: definition.source = parse_loopback(reader); break;
    case type_block_device: definition.source = parse_block_device(reader); break;
    case type_btrfs_snapshot: definition.source = parse_btrfs(reader); break;
    case type_lvm_snapshot: definition.source = parse_lvm(reader); break;
    case type_zfs_snapshot: definition.source = parse_zfs(reader); break;
    case type_layers: definition.source = parse_layers(reader); break;
    case type_oci: definition.source = parse_oci(reader); break;
    case type_custom: definition.source = parse_custom(reader); break;
    default: break;  // type_bit() returns no other value
  }
}

}  // namespace unionroot::definition
