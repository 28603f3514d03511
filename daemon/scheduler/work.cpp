#include "daemon/scheduler/work.h"

namespace unionroot::daemon {

Limits limits_of(const definition::Settings& settings) {
  const auto& wanted = settings.limits;
  constexpr std::size_t queued = 256;
  const auto root = wanted.root_reserve;
  Limits limits;
  limits[Work::lookup] = {"requests being looked up", wanted.lookups, wanted.lookups_per_user, root, queued};
  limits[Work::begin] = {"sessions being begun or recovered", wanted.begins, wanted.begins_per_user, root, queued};
  limits[Work::start] = {"commands being started", wanted.starts, wanted.starts_per_user, root, queued};
  limits[Work::end] = {"sessions being ended", wanted.ends, wanted.ends_per_user, root, queued};
  limits[Work::slow_end] = {"sessions being ended", wanted.slow_ends, wanted.slow_ends_per_user, root, queued};
  limits[Work::list] = {"queries", wanted.queries, wanted.queries_per_user, root, queued};
  limits[Work::signal] = {"signals being sent", wanted.ends, wanted.ends_per_user, root, queued};
  limits[Work::query] = {"queries", wanted.queries, wanted.queries_per_user, root, queued};
  // The daemon's own work, one job at a time.
  limits[Work::objects] = {"refreshes", 1, 1, 0, 0};
  limits[Work::listing] = {"looks at all sessions", 1, 1, 0, 0};
  limits[Work::configuration] = {"reloads", 1, 1, 0, 0};
  limits[Work::locks] = {"looks at locks", 1, 1, 0, 0};
  limits.parked_per_user = wanted.waiting_per_user;
  limits.authentication = std::chrono::seconds(settings.authentication_time_limit);
  return limits;
}

}  // namespace unionroot::daemon
