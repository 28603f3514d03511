#include "daemon/time_limits.h"

#include <algorithm>

#include "daemon/bus_loop.h"

namespace unionroot::daemon {

namespace {

using std::chrono::seconds;

// Bounds of the interval between looks. A failed end is tried again.
constexpr seconds shortest{1}, longest{60};

seconds limit_for(const definition::Settings& settings, bool source) {
  return seconds(source && settings.source_session_time_limit != 0 ? settings.source_session_time_limit
                                                                   : settings.session_time_limit);
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> time_limit_of(const definition::Settings& settings,
                                                                   const session::SessionView& session) {
  const auto limit = limit_for(settings, session.record.source);
  if (session.record.owner == 0 || limit.count() == 0) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::microseconds(session.record.created)) + limit;
}

void TimeLimits::start() {
  auto interval = longest;
  for (const bool source : {false, true})
    if (const auto limit = limit_for(settings_, source); limit.count() != 0) interval = std::min(interval, limit);
  if (limit_for(settings_, false).count() == 0 && limit_for(settings_, true).count() == 0) return;
  timer_.expires_after(std::max(interval / 4, shortest));
  timer_.async_wait([this](const AsioError& error) {
    if (error) return;
    BusLoop::guarded([this] { look(); });
    start();
  });
}

void TimeLimits::look() {
  const auto now = std::chrono::system_clock::now();
  for (const auto& session : core_.sessions()) {
    const auto state = session.record.state;
    const auto until = time_limit_of(settings_, session);
    if (until && now >= *until && state != store::SessionState::ending) end_(session);
  }
}

}  // namespace unionroot::daemon
