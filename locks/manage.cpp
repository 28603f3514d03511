#include "locks/manage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "base/fault_point.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/text.h"

namespace unionroot::locks::detail {

using base::check;
using base::fault_point;

namespace {

constexpr std::string_view clear_text = "clear\n";

// Finds the process that holds the lock, only for the message of a time-out. F_OFD_GETLK and /proc/locks give pid -1
// for such locks. proc(5) documents that /proc/PID/fdinfo shows the locks of a descriptor.
std::string find_holder(Inode inode) {
  std::error_code ignored;  // processes come and go; those that cannot be read are left out
  for (const auto& process : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto pid = base::parse_unsigned(process.path().filename().string());
    if (!pid) continue;
    for (const auto& entry : std::filesystem::directory_iterator(process.path() / "fd", ignored)) {
      struct stat status {};
      if (::stat(entry.path().c_str(), &status) != 0 || Inode{status.st_dev, status.st_ino} != inode) continue;
      const auto details = base::try_read_file((process.path() / "fdinfo" / entry.path().filename()).string());
      if (details && details->find("lock:") != std::string::npos)
        return base::concat("pid ", *pid);  // no command line: anybody may read the message
    }
  }
  return "a process that /proc does not show";
}

}  // namespace

ManageLock::ManageLock(const Directory& directory, const std::string& key, const std::function<bool()>& cancelled,
                       std::chrono::milliseconds limit)
    : directory_(directory), name_(manage_name(key)) {
  // Between opening and locking, the name may have passed to another file. The lock on the old file is then useless,
  // because nobody else opens that file. So try again.
  while (!open_and_lock(cancelled, limit)) continue;
  fault_point("manage_locked");
}

bool ManageLock::open_and_lock(const std::function<bool()>& cancelled, std::chrono::milliseconds limit) {
  constexpr int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
  descriptor_.reset(::openat(directory_.descriptor(), name_.c_str(), flags));
  if (!descriptor_ && errno == ENOENT) {
    fault_point("manage_create");
    descriptor_.reset(::openat(directory_.descriptor(), name_.c_str(), flags | O_CREAT, 0600));
    fault_point("manage_created");
  }
  if (!descriptor_) base::throw_errno("opening the lock file", directory_.full(name_));

  const auto begin = std::chrono::steady_clock::now();
  auto pause = std::chrono::microseconds(30);
  while (!base::try_lock(descriptor_.get(), base::LockType::write, directory_.full(name_))) {
    if (cancelled && cancelled())
      throw base::Error(base::ErrorCode::cancelled,
                        base::concat("waiting for ", directory_.full(name_), ": cancelled"));
    if (std::chrono::steady_clock::now() - begin >= limit)
      throw base::Error(
          base::ErrorCode::timed_out,
          base::concat("waiting for ", directory_.full(name_), ": ", find_holder(inode_of(descriptor_.get())),
                       " has held the lock for over ", limit.count(), " ms"),
          "if that process is stopped, continue it (kill -CONT PID) or end it");
    // The lock is usually held for about 50 us. Waiting in the kernel would gain little, and it has no time-out.
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 3 / 2, std::chrono::microseconds(2000));
  }
  struct stat status {};
  check(::fstat(descriptor_.get(), &status), "examining", name_);
  clear_ = status.st_size == static_cast<off_t>(clear_text.size());
  return inode_of(directory_, name_) == Inode{status.st_dev, status.st_ino};
}

void ManageLock::set_clear() {
  if (clear_) return;
  fault_point("manage_clear");
  check(::pwrite(descriptor_.get(), clear_text.data(), clear_text.size(), 0), "writing", name_);
  fault_point("manage_cleared");
  clear_ = true;
}

void ManageLock::expect_source() {
  if (!clear_) return;
  fault_point("manage_expect");
  check(::ftruncate(descriptor_.get(), 0), "truncating", name_);
  fault_point("manage_expected");
  clear_ = false;
}

void ManageLock::remove() { remove_file(directory_, name_); }

}  // namespace unionroot::locks::detail
