// Ended sessions whose file systems something still holds: an open file, a working directory, a copy of the namespace.
// Their memory and disk are in use until then, so they count for their owner.
#pragma once

#include <sys/types.h>

#include <list>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/holders.h"

namespace unionroot::session {

class Operation;

// A file system is watched by inotify(7), which does not hold it, and tells when it is gone. A session is watched from
// its end on, so a daemon that starts knows nothing of sessions that had ended before. Thread-safe.
class HeldSessions {
 public:
  HeldSessions();  // throws SystemError

  struct Watched {
    std::vector<int> watches;  // of inotify
    kernel::HeldThings things;
  };
  // The file systems that go with the session, while it still has its namespace; else none. One that cannot be watched
  // is in the log, and does not count.
  Watched watch(Operation& operation);
  // Once the namespace is closed. From now on the session counts until all that was watched is gone.
  void count_while_held(const Operation& operation, Watched watched);

  [[nodiscard]] unsigned count(uid_t owner);
  // "2 ended sessions (a, b) are still held by pid 12 (sleep 5): descriptor 3 (/x)"; empty if there are none. Reads all
  // of /proc. Of processes of other users it says no more than the pid.
  [[nodiscard]] std::string describe(uid_t owner);
  // The same, of the sessions that stood on this file or device, whoever had them.
  [[nodiscard]] std::string describe_on(const std::string& disk);

 private:
  struct Held {
    std::string id;
    uid_t owner = 0;
    std::string owner_name;
    std::vector<std::string> disks;  // files and devices that its definition names
    Watched watched;
  };
  void read_events();  // these three: with the mutex
  void forget_all_but_listed();
  [[nodiscard]] bool is_held(const Watched& watched) const;
  [[nodiscard]] bool still_held(const Watched& watched);

  const base::UniqueFd inotify_;
  std::mutex mutex_;
  std::set<int> live_;  // watches whose file system is there
  std::list<Held> held_;
};

}  // namespace unionroot::session
