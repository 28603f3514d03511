// Ends sessions that are older than the settings allow.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "daemon/asio.h"
#include "definition/settings.h"
#include "session/sessions.h"

namespace unionroot::daemon {

// When the settings end a session; nullopt: never. Root's sessions have no limit.
std::optional<std::chrono::system_clock::time_point> time_limit_of(const definition::Settings& settings,
                                                                   const session::SessionView& session);

// Looks at intervals for sessions whose time is over. Loop's thread only.
class TimeLimits {
 public:
  using End = std::function<void(const session::SessionView&)>;

  // Borrows its arguments. end: called again at a later look if the session still exists.
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
