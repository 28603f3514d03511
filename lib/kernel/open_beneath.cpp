#include "kernel/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::kernel {

const std::uint64_t resolve_in_root = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const std::uint64_t resolve_as_named = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

int try_open_beneath(int root, const std::string& path, int flags, unsigned mode, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = resolve;
  // A walk through ".." fails with EAGAIN if it races with a rename anywhere on the machine. The attempts are limited,
  // so that somebody who renames endlessly cannot block us.
  for (int attempt = 0;; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == 128) return static_cast<int>(fd);
  }
}

base::UniqueFd open_beneath(int root, const std::string& path, int flags, unsigned mode, std::uint64_t resolve) {
  const int fd = try_open_beneath(root, path, flags, mode, resolve);
  if (fd < 0) {
    const int saved = errno;
    throw base::SystemError(saved, base::concat("opening ", base::printable(path)));
  }
  return base::UniqueFd(fd);
}

}  // namespace unionroot::kernel
