// Requests that wait for something and hold no thread meanwhile.
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

// Loop's thread only. It asks again and again whether a request is ready, less often the longer nothing happens.
class Parking {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Why { ready, over, stopped };  // over: its time is

  struct Request {
    uid_t uid = 0;
    std::function<bool()> ready;  // must not block
    std::optional<Clock::time_point> until;
    std::function<void(Why)> resume;  // called once; neither may throw
  };

  Parking(asio::io_context& io, std::size_t per_user) : timer_(io), per_user_(per_user) {}

  enum class Bound { limited, unlimited };  // unlimited: what must not be refused
  // Throws Error(limit_exceeded) if this user, who is not root, has too many parked already.
  void park(Request request, Bound bound = Bound::limited);
  // Something has changed for which one of them may wait.
  void look();
  // Resumes all of them; those that come later are resumed at once.
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
