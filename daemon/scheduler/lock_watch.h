// Begins that wait for a tree: when it is worth trying again.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "base/unique_fd.h"
#include "daemon/asio.h"
#include "daemon/scheduler/scheduler.h"
#include "daemon/scheduler/waiting_begin.h"

namespace unionroot::daemon {

// Looks at lock files, on a worker: when one has left their folder, and now and then, since a lock whose owner dies is
// let go of without any change there. While nobody waits it watches nothing. Loop's thread only.
class LockWatch {
 public:
  // watch: makes the descriptor that tells of changes. found: on the loop's thread, when some may be worth trying.
  LockWatch(asio::io_context& io, Scheduler& scheduler, std::function<base::UniqueFd()> watch,
            std::function<void()> found);

  // Until it is worth trying, or nobody else has it.
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
