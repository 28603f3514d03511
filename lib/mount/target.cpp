#include "mount/target.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <deque>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"
#include "kernel/protection.h"

namespace unionroot::mount {

namespace {

using base::SystemError;
using base::UniqueFd;

constexpr int most_links = 40;  // the kernel's limit

class Walk {
 public:
  Walk(int root, const std::string& path, TargetKind kind)
      : path_(path), kind_(kind), root_mount_(kernel::mount_id(root, "a folder")) {
    const auto parts = base::split(path, '/');
    ahead_.assign(parts.begin(), parts.end());
    way_.emplace_back(base::check(::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the tree's root"));
  }

  UniqueFd go() {
    while (!ahead_.empty()) {
      const std::string part = std::move(ahead_.front());
      ahead_.pop_front();
      if (part == ".") continue;
      if (part == "..") {
        if (way_.size() > 1) way_.pop_back();
        continue;
      }
      if (auto file = step(part)) return file;
    }
    if (kind_ == TargetKind::file)
      throw SystemError(EISDIR, base::concat("mounting a file on /", base::printable(path_)));
    return std::move(way_.back());
  }

 private:
  // Returns the file at the end of the path; empty while the walk goes on.
  UniqueFd step(const std::string& part) {
    const bool file = kind_ == TargetKind::file && ahead_.empty();
    UniqueFd next(::openat(here(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno != ENOENT) base::throw_errno("opening", part);
    if (!next) next = make(part, file);
    struct stat status {};
    base::check(::fstat(next.get(), &status), "looking at", part);
    if (S_ISLNK(status.st_mode))
      follow(next, part);
    else if (S_ISDIR(status.st_mode))
      way_.push_back(std::move(next));
    else if (file)
      return next;
    else
      throw SystemError(ENOTDIR,
                        base::concat("making the folder ", base::printable(part), ": something else has that name"));
    return {};
  }

  // Opened without following links, so that nobody can put a link there in between.
  UniqueFd make(const std::string& part, bool file) {
    refuse_link_into_mount();
    kernel::allow_changes(here(), path_);
    file ? kernel::ensure_file(here(), part, 0644) : kernel::ensure_directory(here(), part, 0755);
    return UniqueFd(base::check(::openat(here(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC), "opening", part));
  }

  void follow(const UniqueFd& link, const std::string& part) {
    struct statfs system {};
    base::check(::fstatfs(link.get(), &system), "looking at the file system of", part);
    // The kernel's own links in /proc do not lead where their text says.
    if (++links_ > most_links || system.f_type == PROC_SUPER_MAGIC)
      throw SystemError(ELOOP, base::concat("following the link ", base::printable(part)));
    char text[PATH_MAX];
    const auto size = base::check(::readlinkat(link.get(), "", text, sizeof text), "reading the link", part);
    const std::string target(text, static_cast<std::size_t>(size));
    if (target.starts_with('/')) way_.resize(1);
    const auto parts = base::split(target, '/');
    ahead_.insert(ahead_.begin(), parts.begin(), parts.end());
  }

  // A mount point may be made in another mount, such as a folder that the host shares, if the entry's own path leads
  // there. But the tree's users control its links, and these must not choose another folder of the host.
  void refuse_link_into_mount() const {
    if (links_ == 0 || kernel::mount_id(here(), "a folder") == root_mount_) return;
    throw base::Error(base::ErrorCode::stage_failed,
                      base::concat("a symbolic link in /", base::printable(path_),
                                   " leads into another mount, where nothing is made"),
                      "name the mount point without links, or make it");
  }

  [[nodiscard]] int here() const { return way_.back().get(); }

  const std::string& path_;
  const TargetKind kind_;
  const std::uint64_t root_mount_;
  std::deque<std::string> ahead_;
  std::vector<UniqueFd> way_;  // the folders from the root to the current position
  int links_ = 0;
};

}  // namespace

base::UniqueFd make_target(int root, const std::string& path, TargetKind kind) { return Walk(root, path, kind).go(); }

}  // namespace unionroot::mount
