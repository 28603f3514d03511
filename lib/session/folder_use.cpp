#include "session/folder_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <string_view>
#include <utility>

namespace unionroot::session {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned deepest = 40;

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// Uses descriptors, and never follows a symbolic link or enters another mount, since users own what is beneath. The
// count may be wrong if somebody changes the tree meanwhile.
class Counter {
 public:
  Counter(dev_t device, Clock::time_point end, std::uint64_t most_inodes, FolderUse& use)
      : device_(device), end_(end), most_inodes_(most_inodes), use_(use) {}

  void count(base::UniqueFd folder, unsigned depth = 0) {
    const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(folder.get()));
    if (!stream) return;
    static_cast<void>(folder.release());  // the stream owns it
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this thread's own
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      if (use_.inodes >= most_inodes_ || (use_.inodes % 256 == 0 && Clock::now() > end_)) {
        use_.whole = false;
        return;
      }
      count_entry(::dirfd(stream.get()), entry->d_name, depth);
    }
  }

 private:
  void count_entry(int folder, const char* name, unsigned depth) {
    struct stat found {};
    if (::fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || found.st_dev != device_) return;
    ++use_.inodes;
    use_.bytes += static_cast<std::uint64_t>(found.st_blocks) * 512;
    if (!S_ISDIR(found.st_mode)) return;
    if (depth == deepest) {
      use_.whole = false;
      return;
    }
    base::UniqueFd inner(::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (inner) count(std::move(inner), depth + 1);
  }

  const dev_t device_;
  const Clock::time_point end_;
  const std::uint64_t most_inodes_;
  FolderUse& use_;
};

}  // namespace

FolderUse use_of(base::UniqueFd folder, std::chrono::steady_clock::time_point end, std::uint64_t most_inodes) {
  FolderUse use;
  struct stat found {};
  if (!folder || ::fstat(folder.get(), &found) != 0) return use;
  Counter(found.st_dev, end, most_inodes, use).count(std::move(folder));
  return use;
}

}  // namespace unionroot::session
