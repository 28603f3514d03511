// Notices when a begin that waits for a tree is worth trying again.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "base/unique_fd.h"
#include "daemon/asio.h"
#include "daemon/scheduler/scheduler.h"
#include "daemon/scheduler/waiting_begin.h"

namespace unionroot::daemon {

// Looks at lock files on a worker: when a file is removed from their folder, and at intervals, since the lock of a dead
// owner is released without a change in the folder. Watches nothing while no begin waits. Loop's thread only.
class LockWatch {
 public:
  // watch: makes the descriptor that becomes readable on changes. found: called on the loop's thread after each look.
  LockWatch(asio::io_context& io, Scheduler& scheduler, std::function<base::UniqueFd()> watch,
            std::function<void()> found);

  // Watches it until it is worth trying, or nobody else holds it.
  void add(const WaitingBeginPtr& waiting);
  void stop();

 private:
  void listen();
  void look_after(std::chrono::milliseconds delay);
  void look();
  void looked();

  asio::io_context& io_;
  Scheduler& scheduler_;
  const std::function<base::UniqueFd()> watch_;
  const std::function<void()> found_;
  asio::posix::stream_descriptor changes_;
  asio::steady_timer timer_;
  std::vector<std::weak_ptr<WaitingBegin>> waiting_;
  bool looking_ = false, listening_ = false, stopped_ = false;
};

}  // namespace unionroot::daemon
