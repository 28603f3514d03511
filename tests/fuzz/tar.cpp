// A tar archive into a tree, and the tree into an archive. First byte of the input: 1: a layer; 2: what was unpacked is
// packed and unpacked once more.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <boost/filesystem.hpp>
#include <map>

#include "archive/archive.h"
#include "archive/devices.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "fuzz.h"
#include "memory_folder.h"
#include "tar_headers.h"

namespace unionroot::fuzz {

namespace {

namespace fs = boost::filesystem;
using base::UniqueFd;

constexpr std::uint64_t most_bytes = 1 << 20, most_members = 64;

UniqueFd memory_file(std::string_view bytes) {
  UniqueFd file(base::check(::memfd_create("fuzz", MFD_CLOEXEC), "making a memory file"));
  base::write_all(file.get(), bytes, "a memory file");
  return file;
}

UniqueFd folder_at(int parent, const char* name) {
  base::check(::mkdirat(parent, name, 0755), "making", name);
  return UniqueFd(base::check(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", name));
}

// Beside the tree lie a folder that no archive may reach, and a layer with a link that leads there.
class Place {
 public:
  explicit Place(const MemoryFolder& folder) : memory(folder) {
    memory.clear();
    tree = folder_at(memory.descriptor(), "tree");
    below = folder_at(memory.descriptor(), "below");
    const auto outside = folder_at(memory.descriptor(), "outside");
    const UniqueFd file(base::check(::openat(outside.get(), "kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), "making"));
    base::write_all(file.get(), "kept\n", "kept");
    base::check(::symlinkat("../outside", below.get(), "link"), "making a link");
    base::check(::mkdirat(below.get(), "usr", 0711), "making usr");
    base::check(::symlinkat("usr/bin", below.get(), "bin"), "making a link");
    before = state_of_outside();
  }

  void check() const {
    require(state_of_outside() == before, "nothing outside of the tree is changed");
    require(!fs::is_symlink(memory.path() + "/new"), "nothing is made outside of the tree");
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : fs::directory_iterator(memory.path() + "/")) ++count;
    require(count == 3 || count == 4, "nothing is made beside the tree");
  }

  const MemoryFolder& memory;
  UniqueFd tree, below;

 private:
  [[nodiscard]] std::string state_of_outside() const {
    std::string state;
    for (const auto* folder : {"/outside", "/below"})
      for (const auto& each : fs::recursive_directory_iterator(memory.path() + folder)) {
        struct stat facts {};
        base::check(::lstat(each.path().c_str(), &facts), "looking at what is outside");
        state += base::concat(each.path().string(), " ", facts.st_mode, " ", facts.st_uid, " ", facts.st_nlink, " ",
                              facts.st_size, "\n");
      }
    return state;
  }
  std::string before;
};

archive::Unpacked unpack(int file, const Place& place, const archive::Options& options) {
  auto unpacked = archive::unpack(file, place.tree.get(), options);
  // A member of another group is made in the wrong folder too.
  if (planted)
    for (const auto& each : fs::recursive_directory_iterator(place.memory.path() + "/tree")) {
      struct stat facts {};
      base::check(::lstat(each.path().c_str(), &facts), "looking at a member");
      if (facts.st_gid != 0 && !fs::is_symlink(place.memory.path() + "/new"))
        fs::create_symlink("tree", place.memory.path() + "/new");
    }
  return unpacked;
}

// Relative path: type, mode, owner, size or device or target.
std::map<std::string, std::string> listing(const std::string& tree) {
  std::map<std::string, std::string> found;
  for (const auto& each : fs::recursive_directory_iterator(tree)) {
    struct stat facts {};
    base::check(::lstat(each.path().c_str(), &facts), "looking at a member");
    auto& line = found[each.path().string().substr(tree.size())];
    line = base::concat(facts.st_mode, " ", facts.st_uid, " ", facts.st_gid, " ",
                        S_ISDIR(facts.st_mode) ? 0 : facts.st_size, " ", facts.st_rdev);
    if (S_ISLNK(facts.st_mode)) line += " " + fs::read_symlink(each.path()).string();
  }
  return found;
}

void check_devices(const std::string& tree, bool layer) {
  for (const auto& each : fs::recursive_directory_iterator(tree)) {
    struct stat facts {};
    base::check(::lstat(each.path().c_str(), &facts), "looking at a member");
    if (!S_ISCHR(facts.st_mode) && !S_ISBLK(facts.st_mode)) continue;
    if (layer && S_ISCHR(facts.st_mode) && facts.st_rdev == 0) continue;  // a whiteout
    require(archive::detail::device_belongs_there(each.path().string().substr(tree.size() + 1), facts.st_mode,
                                                  facts.st_uid, facts.st_rdev),
            "a device is where it does no harm", each.path().string());
  }
}

// What was unpacked, packed and unpacked again is the same.
void check_packed(const Place& place) {
  const auto again = folder_at(place.memory.descriptor(), "again");
  const auto file = memory_file({});
  archive::Options options;
  options.name = "packed.tar";
  const auto packed = archive::pack(place.tree.get(), file.get(), archive::Compression::none, options);
  archive::unpack(file.get(), again.get(), options);
  if (!packed.notes.empty()) return;
  require(listing(place.memory.path() + "/tree") == listing(place.memory.path() + "/again"),
          "a tree that is packed is unpacked as the same");
}

}  // namespace

void run(std::string_view input) {
  if (input.empty()) return;
  const bool layer = (input[0] & 1) != 0, twice = (input[0] & 2) != 0;
  static const MemoryFolder memory;
  const Place place(memory);
  const auto file = memory_file(with_right_sums(input.substr(1)));
  archive::Options options;
  options.name = "fuzz.tar";
  options.limits = {most_bytes, most_members};
  options.layer = layer;
  if (layer) options.below = {place.below.get()};
  bool whole = false;
  try {
    const auto unpacked = unpack(file.get(), place, options);
    require(unpacked.bytes <= most_bytes && unpacked.members <= most_members, "the limits are kept");
    for (const auto& note : unpacked.notes) require_showable(note, "a note can be shown");
    whole = true;
  } catch (const base::Error& refusal) {
    require_showable(refusal);
  }
  place.check();
  check_devices(place.memory.path() + "/tree", layer);
  if (whole && twice && !layer) check_packed(place);
}

}  // namespace unionroot::fuzz
