// Sessions that live longer than an administrator lets them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "daemon/asio.h"
#include "definition/settings.h"
#include "session/sessions.h"

namespace unionroot::daemon {

// When a session is over by the settings; nullopt: never. Root's sessions have no limit.
std::optional<std::chrono::system_clock::time_point> time_limit_of(const definition::Settings& settings,
                                                                   const session::SessionView& session);

// Looks now and then for sessions whose time is over. Loop's thread only.
class TimeLimits {
 public:
  using End = std::function<void(const session::SessionView&)>;

  // Borrows what it is given. end: called again later if the session is still there.
  TimeLimits(asio::io_context& io, const session::Sessions& core, const definition::Settings& settings, End end)
      : timer_(io), core_(core), settings_(settings), end_(std::move(end)) {}

  // Does nothing if the settings have no limit.
  void start();

 private:
  void look();

  asio::steady_timer timer_;
  const session::Sessions& core_;
  const definition::Settings& settings_;
  const End end_;
};

}  // namespace unionroot::daemon
