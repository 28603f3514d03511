#include "archive/below.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "archive/archive.h"
#include "base/error.h"
#include "base/text.h"

namespace unionroot::archive::detail {

namespace {

using base::UniqueFd;

bool is_opaque(int folder) {
  char value = 0;
  const auto path = base::concat("/proc/self/fd/", folder);
  return ::getxattr(path.c_str(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

// The folders of one name that overlayfs merges, top first; or the one entry that is not a folder.
struct Seen {
  std::vector<UniqueFd> folders;
  UniqueFd other;
};

Seen look(const std::vector<int>& parents, const std::string& name) {
  Seen seen;
  for (const int parent : parents) {
    UniqueFd found(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!found) {
      if (errno == ENOENT || errno == ENAMETOOLONG) continue;
      base::throw_errno("looking in the layer below for", name);
    }
    struct stat facts {};
    base::check(::fstat(found.get(), &facts), "looking in the layer below at", name);
    if (!S_ISDIR(facts.st_mode)) {
      // A whiteout, or what is not a folder, hides the layers further down. A folder in a higher layer hides it too.
      const bool whiteout = S_ISCHR(facts.st_mode) && facts.st_rdev == 0;
      if (seen.folders.empty() && !whiteout) seen.other = std::move(found);
      break;
    }
    const bool last = is_opaque(found.get());
    seen.folders.push_back(std::move(found));
    if (last) break;
  }
  return seen;
}

}  // namespace

UniqueFd Below::find(const std::string& path) const {
  const auto parts = base::split(path, '/');
  if (layers_.empty()) return {};
  if (parts.empty())
    return UniqueFd(
        base::check(::openat(layers_.front(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the layer below"));
  Seen seen;
  std::vector<int> parents = layers_;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Seen next = look(parents, parts[i]);
    const bool leaf = i + 1 == parts.size();
    if (next.folders.empty()) return leaf ? std::move(next.other) : UniqueFd();
    if (leaf) return std::move(next.folders.front());
    parents.clear();
    for (const auto& folder : next.folders) parents.push_back(folder.get());
    seen = std::move(next);  // keeps the descriptors in `parents` open
  }
  return {};
}

std::string target_of(int file) {
  std::string target(PATH_MAX, '\0');
  const auto size =
      base::check(::readlinkat(file, "", target.data(), target.size()), "reading a symbolic link of the layer below");
  target.resize(static_cast<std::size_t>(size));
  return target;
}

}  // namespace unionroot::archive::detail

namespace unionroot::archive {

bool hides_all_below(int folder) { return detail::is_opaque(folder); }

}  // namespace unionroot::archive
