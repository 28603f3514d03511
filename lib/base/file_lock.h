// Open file description locks (fcntl(2)). The kernel releases a lock when the last descriptor of its file description
// is closed. Threads of one process that use different file descriptions exclude each other too.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <string>

namespace unionroot::base {

enum class LockType : short { read = F_RDLCK, write = F_WRLCK, none = F_UNLCK };

// Locks `count` bytes from `first` on; count 0 means to the end of the file, however far it grows. Does not wait:
// returns false if another file description holds a conflicting lock. Throws SystemError("locking <name>").
bool try_lock(int file, LockType type, const std::string& name, off_t first = 0, off_t count = 0);

}  // namespace unionroot::base
