#include "session/upper_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>

#include "base/text.h"
#include "base/unique_fd.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t shown = 3;
constexpr std::chrono::milliseconds patience{300};
// Of one session: there are enough to tell it from the others.
constexpr std::uint64_t most_inodes = 20'000;
constexpr unsigned deepest = 40;

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// By descriptors, never through a symbolic link, never into another mount: users own what is beneath. Whoever changes
// it meanwhile is counted wrongly.
class Counter {
 public:
  Counter(dev_t device, Clock::time_point end, UpperUse& use) : device_(device), end_(end), use_(use) {}

  void count(base::UniqueFd folder, unsigned depth = 0) {
    const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(folder.get()));
    if (!stream) return;
    static_cast<void>(folder.release());  // the stream's
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      if (use_.inodes >= most_inodes || (use_.inodes % 256 == 0 && Clock::now() > end_)) {
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
  UpperUse& use_;
};

base::UniqueFd folder_of(const Parts& parts, const Session& session) {
  const auto path = base::concat(sessions_folder(parts.settings, *session.definition), "/", session.id());
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

std::vector<UpperUse> largest_uppers(const Parts& parts, const std::string& folder, Amount amount) {
  struct stat wanted {};
  if (::stat(folder.c_str(), &wanted) != 0) return {};
  const auto end = Clock::now() + patience;
  std::vector<UpperUse> all;
  for (const auto& session : parts.table.all()) {
    auto own = folder_of(parts, *session);
    struct stat found {};
    if (!own || ::fstat(own.get(), &found) != 0 || found.st_dev != wanted.st_dev) continue;
    UpperUse use{session->id(), session->identity.owner_name};
    Counter(wanted.st_dev, end, use).count(std::move(own));
    all.push_back(std::move(use));
    if (Clock::now() > end) break;
  }
  std::sort(all.begin(), all.end(), [amount](const UpperUse& a, const UpperUse& b) {
    return amount == Amount::bytes ? a.bytes > b.bytes : a.inodes > b.inodes;
  });
  if (all.size() > shown) all.resize(shown);
  return all;
}

}  // namespace unionroot::session
