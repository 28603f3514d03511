#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "kernel/protection.h"

namespace unionroot::kernel {

namespace {

using base::fault_point;
using base::SystemError;
using base::UniqueFd;

// The number of descriptors is limited, so a directory deeper than this is first moved to the top of the tree.
constexpr std::size_t deepest = 48;

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

struct Level {
  std::string name;
  std::unique_ptr<DIR, CloseDirectory> stream;
  bool failed = false;  // something in the directory could not be removed, so the directory stays
  unsigned rewinds = 0;
  [[nodiscard]] int fd() const { return ::dirfd(stream.get()); }
};

class TreeRemover {
 public:
  TreeRemover(int dir, const std::function<bool()>& stop) : dir_(dir), stop_(stop) {}

  bool remove(const std::string& name) {
    if (!enter_or_unlink(dir_, name, std::nullopt)) {
      finish();
      return true;
    }
    while (!levels_.empty()) {
      if (stop_ && ++steps_ % 64 == 0 && stop_()) return false;
      step();
    }
    finish();
    return true;
  }

 private:
  // Handles one entry of the innermost directory, or the directory itself after its last entry.
  void step() {
    Level& level = levels_.back();
    errno = 0;
    const dirent* entry = ::readdir(level.stream.get());
    if (entry == nullptr) {
      if (errno != 0) note(errno, "reading the folder", "");
      leave();
      return;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") return;
    const auto type = entry->d_type == DT_UNKNOWN ? std::nullopt : std::optional(entry->d_type == DT_DIR);
    enter_or_unlink(level.fd(), name, type);
  }

  // Returns false with errno. If the entry or its parent is immutable or append-only (chattr), it removes these
  // attributes and tries again.
  static bool unlink(int parent, const std::string& name, int flags) {
    if (::unlinkat(parent, name.c_str(), flags) == 0 || errno == ENOENT) return true;
    if (errno != EPERM) return false;
    try {
      const UniqueFd entry(try_open_beneath(parent, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_XDEV | RESOLVE_BENEATH));
      if (entry && is_protected(entry.get(), name)) unprotect(entry.get(), name);
      if (is_protected(parent, name)) unprotect(parent, name);
    } catch (const SystemError&) {
      errno = EPERM;
      return false;
    }
    return ::unlinkat(parent, name.c_str(), flags) == 0;
  }

  // True if the entry was a directory, which is the innermost level now. `directory`: what readdir said, if it did.
  bool enter_or_unlink(int parent, const std::string& name, std::optional<bool> directory) {
    if (!directory) {
      struct stat found {};
      if (::fstatat(parent, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) note(errno, "looking at", name);
        return false;
      }
      directory = S_ISDIR(found.st_mode);
    }
    if (!*directory) {
      fault_point("unlink");
      if (!unlink(parent, name, 0)) note(errno, "removing", name);
      fault_point("unlink done");
      return false;
    }
    if (levels_.size() >= deepest && move_up(parent, name)) return false;
    return enter(parent, name);
  }

  bool enter(int parent, const std::string& name) {
    UniqueFd opened(try_open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                     RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    if (!opened) {
      if (errno == EXDEV)
        note(EBUSY, "something is mounted on", name);
      else if (errno != ENOENT)
        note(errno, "opening the folder", name);
      return false;
    }
    Level level;
    level.name = name;
    level.stream.reset(::fdopendir(opened.get()));
    if (!level.stream) {
      note(errno, "reading the folder", name);
      return false;
    }
    static_cast<void>(opened.release());
    levels_.push_back(std::move(level));
    return true;
  }

  // Moves a deep directory into the topmost one, which is read again at its end. The new name is random and replaces
  // nothing.
  bool move_up(int parent, const std::string& name) {
    fault_point("rename");
    const std::string moved = base::concat(".unionroot-deep-", base::random_token());
    if (base::rename_without_replacing(parent, name, levels_.front().fd(), moved) != 0)
      return false;  // a quota project border or a mount point: then it is removed one level deeper
    moved_up_ = true;
    fault_point("rename done");
    return true;
  }

  void leave() {
    Level& level = levels_.back();
    const int parent = levels_.size() > 1 ? levels_[levels_.size() - 2].fd() : dir_;
    // Directories that were moved up were perhaps not seen: read again.
    if (levels_.size() == 1 && moved_up_) {
      moved_up_ = false;
      ::rewinddir(level.stream.get());
      return;
    }
    if (level.failed) {
      levels_.pop_back();
      if (!levels_.empty()) levels_.back().failed = true;
      return;
    }
    fault_point("rmdir");
    if (!unlink(parent, level.name, AT_REMOVEDIR)) {
      if (errno == ENOTEMPTY && level.rewinds < 3) {
        ++level.rewinds;
        ::rewinddir(level.stream.get());
        return;
      }
      const int saved = errno;
      const std::string name = level.name;
      levels_.pop_back();
      note(saved, "removing the folder", name);
      return;
    }
    levels_.pop_back();
    fault_point("rmdir done");
  }

  // The first failure is reported. The rest of the tree is removed anyway.
  void note(int error_number, std::string_view doing, const std::string& name) {
    if (!levels_.empty()) levels_.back().failed = true;
    if (failures_++ > 0) return;
    error_number_ = error_number;
    std::string path;
    for (const Level& level : levels_) path += level.name + "/";
    what_ = base::concat(doing, " ", base::printable(path + name));
  }

  void finish() const {
    if (failures_ == 0) return;
    std::string what = what_;
    if (failures_ > 1) what += base::concat(" (and ", failures_ - 1, " more failures)");
    std::string hint;
    if (error_number_ == EPERM) hint = "it may be immutable: lsattr shows it, chattr -i or -a removes the attribute";
    if (error_number_ == EBUSY) hint = "unmount what is mounted there";
    throw SystemError(error_number_, what, hint);
  }

  int dir_;
  const std::function<bool()>& stop_;
  std::vector<Level> levels_;
  unsigned steps_ = 0;
  bool moved_up_ = false;
  std::size_t failures_ = 0;
  int error_number_ = 0;
  std::string what_;
};

}  // namespace

bool remove_tree(int dir, const std::string& name, const std::function<bool()>& stop) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    throw SystemError(EINVAL, base::concat("removing the tree ", base::printable(name), ": not a name"));
  return TreeRemover(dir, stop).remove(name);
}

}  // namespace unionroot::kernel
