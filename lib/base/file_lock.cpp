#include "base/file_lock.h"

#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace unionroot::base {

bool try_lock(int file, LockType type, const std::string& name, off_t first, off_t count) {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = count;
  while (::fcntl(file, F_OFD_SETLK, &lock) != 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EACCES) return false;
    throw_errno("locking", name);
  }
  return true;
}

}  // namespace unionroot::base
