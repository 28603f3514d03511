// Writes failed requests to the journal: who asked for what, and why it failed.
#pragma once

#include <exception>
#include <functional>

#include "daemon/bus_loop.h"
#include "daemon/operations.h"
#include "daemon/scheduler/scheduler.h"
#include "events/flood_limit.h"

namespace unionroot::daemon {

// Bus thread only.
class FailedRequests {
 public:
  // All are borrowed.
  FailedRequests(BusLoop& loop, const session::Sessions& core, const Operations& operations, Scheduler& scheduler);

  // Describes the request: request, asked, command, becomes. Called only if the request is logged.
  using Describe = std::function<events::Event()>;
  void add(uid_t uid, const Describe& describe, const std::exception_ptr& error) noexcept;
  // Logs the counted requests.
  void stop();

 private:
  void await_next();
  void tell(const events::Event& event);
  void tell_untold(std::optional<uid_t> uid, std::uint64_t count);

  BusLoop& loop_;
  const session::Sessions& core_;
  const Operations& operations_;
  Scheduler& scheduler_;
  events::FloodLimit limit_;
  asio::steady_timer timer_;
};

}  // namespace unionroot::daemon
