// Requests that wait without holding a thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>

#include "daemon/asio.h"

namespace unionroot::daemon {

// Loop's thread only. Polls the requests, every 10 ms after a change, and up to every 200 ms if nothing happens.
class Parking {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Why { ready, over, stopped };  // over: `until` has passed

  struct Request {
    uid_t uid = 0;
    std::function<bool()> ready;  // must not block
    std::optional<Clock::time_point> until;
    std::function<void(Why)> resume;  // called once; neither function may throw
  };

  Parking(asio::io_context& io, std::size_t per_user) : timer_(io), per_user_(per_user) {}

  enum class Bound { limited, unlimited };  // unlimited: must not be refused
  // Throws Error(limit_exceeded) if this user has too many parked requests. Never for root.
  void park(Request request, Bound bound = Bound::limited);
  // Call it when something has changed that a request may wait for.
  void look();
  // Resumes all with Why::stopped, and later ones at once.
  void stop();

  [[nodiscard]] std::size_t count() const { return parked_.size(); }

 private:
  void resume_ready();
  void wait();

  asio::steady_timer timer_;
  const std::size_t per_user_;
  std::list<Request> parked_;
  std::unordered_map<uid_t, std::size_t> users_;
  std::chrono::milliseconds interval_{0};
  bool stopped_ = false;
};

}  // namespace unionroot::daemon
