// Parses the writable layer of a definition: the union-* keys.
#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "definition/keys.h"
#include "definition/mount_words.h"
#include "definition/parse_definition.h"
#include "definition/section_reader.h"
#include "definition/suggest.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

constexpr Word<UnionBacking> backings[] = {{"auto", UnionBacking::automatic},
                                           {"directory", UnionBacking::directory},
                                           {"tmpfs", UnionBacking::tmpfs},
                                           {"image", UnionBacking::image},
                                           {"device", UnionBacking::device}};

std::string_view backing_word(UnionBacking backing) {
  for (const auto& word : backings)
    if (word.value == backing) return word.text;
  return {};
}

// Union types that overlay has replaced.
bool former_union(std::string_view word) { return word == "aufs" || word == "unionfs"; }

UnionType parse_union_type(SectionReader& reader, unsigned type, const std::string& type_word) {
  std::string word;
  reader.text("union-type", word);
  const unsigned line = reader.line_of("union-type");
  if ((type & always_union_types) != 0) {
    if (word == "none")
      reader.warning(line,
                     concat("union-type=none has no effect: a chroot of type ", type_word, " always has an overlay"));
  } else if (word.empty()) {
    // An image is read-only, so it needs an overlay by default. schroot does not know this type.
    return type == type_image ? UnionType::overlay : UnionType::none;
  }
  if (former_union(word))
    reader.warning(line, concat("union-type: '", word, "' is not in today's kernels; an overlay is used"));
  else if (!word.empty() && word != "none" && word != "overlay" && word != "overlayfs")
    reader.error(line, concat("union-type: '", printable(word), "' is not known; expected one of: none, overlay",
                              did_you_mean(word, {"none", "overlay"})));
  return word == "none" && (type & always_union_types) == 0 ? UnionType::none : UnionType::overlay;
}

// Refuses options that unionroot sets itself, and those that make an overlay unsafe for several users.
void check_mount_options(SectionReader& reader, const std::string& options) {
  static constexpr std::string_view own[] = {"lowerdir", "lowerdir+", "datadir+", "upperdir",
                                             "workdir",  "userxattr", "volatile"};
  for (const auto& option : base::split(options, ',')) {
    const std::string name(base::trim(std::string_view(option).substr(0, option.find('='))));
    if (std::find(std::begin(own), std::end(own), name) == std::end(own)) continue;
    reader.error(reader.line_of("union-mount-options"),
                 concat("union-mount-options: '", name, "' is set by unionroot itself",
                        name == "volatile" ? "; expected union-volatile=yes" : "; leave it out"));
  }
}

void parse_mount_options(SectionReader& reader, std::string& options) {
  std::string type;
  reader.text("union-type", type);
  if (!former_union(type)) return reader.text("union-mount-options", options);
  if (reader.has("union-mount-options"))
    reader.warning(reader.line_of("union-mount-options"),
                   concat("union-mount-options: these are options of ", type, ", and have no effect on an overlay"));
}

void warn_backing(SectionReader& reader, std::string_view key, const Union& layout, std::string_view needs) {
  if (reader.has(key))
    reader.warning(
        reader.line_of(key),
        concat("'", key, "' has no effect with union-backing=", backing_word(layout.backing), "; it needs ", needs));
}

// The smallest file system of that type that can be created. A smaller size fails here, not at each begin.
std::uint64_t smallest_image(const std::string& filesystem) {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  return (filesystem == "xfs" ? 300 : filesystem == "btrfs" ? 110 : 1) * mebibyte;
}

void check_image(SectionReader& reader, const Union& layout) {
  const unsigned line = reader.line_of("union-size");
  std::string size;
  reader.text("union-size", size);
  const auto smallest = smallest_image(layout.filesystem);
  if (!layout.size)
    reader.error(line, "union-backing=image needs union-size, such as union-size=10G");
  else if (layout.size->percent != 0)
    reader.error(
        line, "union-size: a percentage is of memory, and only for union-backing=tmpfs; expected bytes, such as 10G");
  else if (layout.size->bytes < smallest)
    reader.error(line, concat("union-size: ", printable(size), " is too little for ", layout.filesystem,
                              "; expected at least ", smallest >> 20, "M"));
}

void check_backing(SectionReader& reader, Union& layout) {
  const bool formatted = layout.backing == UnionBacking::image || layout.backing == UnionBacking::device;
  if (formatted && layout.filesystem.empty()) layout.filesystem = "ext4";
  if (!formatted) warn_backing(reader, "union-filesystem", layout, "image or device");
  switch (layout.backing) {
    case UnionBacking::image: check_image(reader, layout); break;
    case UnionBacking::device:
      if (layout.device.empty() && !reader.has("union-device"))
        reader.error(reader.section().line, "union-backing=device needs union-device=/dev/...");
      warn_backing(reader, "union-size", layout, "tmpfs or image");
      break;
    case UnionBacking::directory: warn_backing(reader, "union-size", layout, "tmpfs or image"); break;
    case UnionBacking::automatic:
    case UnionBacking::tmpfs: break;  // auto may become tmpfs, which uses the size
  }
  if (layout.backing != UnionBacking::device) {
    warn_backing(reader, "union-device", layout, "device");
    warn_backing(reader, "union-device-options", layout, "device");
  }
}

void warn_without_union(SectionReader& reader) {
  for (const auto& entry : reader.section().entries)
    if (entry.key.rfind("union-", 0) == 0 && entry.key != "union-type" && !entry.value.empty())
      reader.warning(entry.line,
                     concat("'", entry.key,
                            "' has no effect without union-type=overlay; add union-type=overlay or remove this key"));
}

}  // namespace

void parse_union(SectionReader& reader, unsigned type, Definition& definition) {
  if ((type & union_types) == 0) return;
  Union& layout = definition.union_;
  layout.type = parse_union_type(reader, type, definition.type);
  if (layout.type == UnionType::none) return warn_without_union(reader);

  static constexpr Word<const char*> filesystems[] = {{"ext4", "ext4"}, {"xfs", "xfs"}, {"btrfs", "btrfs"}};
  reader.word("union-backing", backings, layout.backing);
  reader.size("union-size", layout.size);
  const char* filesystem = "";
  reader.word("union-filesystem", filesystems, filesystem);
  layout.filesystem = filesystem;
  parse_mount_options(reader, layout.mount_options);
  check_mount_options(reader, layout.mount_options);
  reader.host_path("union-device", layout.device);
  reader.text("union-device-options", layout.device_options);
  MountWords words;
  const auto wrong = parse_mount_words(layout.device_options, words);
  if (!wrong.empty()) reader.error(reader.line_of("union-device-options"), concat("union-device-options: ", wrong));
  reader.boolean("union-reset", layout.reset);
  reader.choice(
      "union-volatile", layout.volatile_upper,
      "auto, yes: automatic sessions do not sync (faster, lost in a crash); no: they do; preserved sessions always "
      "sync");
  reader.host_path("union-overlay-directory", layout.overlay_directory);
  reader.host_path("union-underlay-directory", layout.underlay_directory);
  check_backing(reader, layout);
}

}  // namespace unionroot::definition
