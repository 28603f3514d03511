// Ended sessions whose file systems are still held: by an open file, a working directory or a copy of the namespace.
// They still use memory and disk space, so they count for their owner.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/holders.h"
#include "store/store.h"

namespace unionroot::session {

class Operation;

// Watches file systems by inotify(7), which does not hold them and reports when they are gone. A session is watched
// from its end on, so a new daemon does not know the sessions that ended before its start. Thread-safe.
class HeldSessions {
 public:
  HeldSessions();  // throws SystemError

  struct Watched {
    std::vector<int> watches;  // of inotify
    kernel::HeldThings things;
  };
  // The file systems that go with the session. Call this while the session has its namespace; without one the result is
  // empty. A failure to watch is logged, and what is not watched does not count.
  Watched watch(Operation& operation);
  // Call this once the namespace is closed. The session then counts until everything watched is gone. Waits up to 20 ms
  // before.
  void count_while_held(const Operation& operation, Watched watched);

  [[nodiscard]] unsigned count(uid_t owner);
  // "2 ended sessions (a, b) are still held by pid 12 (sleep 5): descriptor 3 (/x)"; empty if there are none. Reads all
  // of /proc. For processes of other users it shows only the pid; root sees all.
  [[nodiscard]] std::string describe(uid_t owner);
  // The same for the sessions of all users on this file or device. It shows only pids.
  [[nodiscard]] std::string describe_on(const std::string& disk);
  // Of a session that was torn down to be set up again: waits up to 5 s until its former overlay is gone. Then empty;
  // else what holds it, as describe() has it, or that it is not known.
  [[nodiscard]] std::string holders_of_former(const Operation& operation);
  // Of one that is set up: the processes that hold files of its overlay, as far as /proc tells; empty if there are
  // none.
  [[nodiscard]] static std::string holders_now(const Operation& operation);

 private:
  struct Held {
    std::string id;
    uid_t owner = 0;
    std::string owner_name;
    std::vector<std::string> disks;  // the files and devices in its definition
    Watched watched;
  };
  void read_events();  // the caller of these three holds mutex_
  void forget_all_but_listed();
  [[nodiscard]] bool is_held(const Watched& watched) const;
  [[nodiscard]] bool still_held(const Watched& watched);

  const base::UniqueFd inotify_;
  std::mutex mutex_;
  std::set<int> live_;  // watches whose file system exists
  std::list<Held> held_;
};

}  // namespace unionroot::session
