#include "base/fault_point.h"
#include "terminal/control_channel.h"
#include "terminal/relay.h"

namespace unionroot::terminal {

std::optional<Outcome> detach_run(base::UniqueFd control, const Warn& warn, const std::function<void()>& started) {
  const Tell tell;
  const std::optional<TimeLimit> limit;  // the supervisor keeps it
  ControlChannel channel(std::move(control), warn, tell, limit);
  while (channel.receive()) {
    channel.show_warning();
    if (!channel.started()) continue;
    started();
    base::fault_point("before a run is detached");
    channel.send(launch::control::Type::detach, 0);
    return std::nullopt;
  }
  return channel.outcome().value_or(lost_run());
}

}  // namespace unionroot::terminal
