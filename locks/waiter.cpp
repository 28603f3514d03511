#include "locks/waiter.h"

#include <poll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace unionroot::locks::detail {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds interval{100};
constexpr milliseconds longest_limit{std::chrono::hours(24 * 365)};  // so that adding it to a clock cannot overflow

}  // namespace

bool must_not_wait(const Wait& wait) { return wait.limit && wait.limit->count() <= 0; }

base::UniqueFd watch(const Directory& directory) {
  base::UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  // Through the descriptor, so that it is this very directory; IN_MOVED_FROM: broken files that are set aside.
  if (events && ::inotify_add_watch(events.get(), base::concat("/proc/self/fd/", directory.descriptor()).c_str(),
                                    IN_DELETE | IN_MOVED_FROM) < 0)
    events.reset();
  return events;
}

Waiter::Waiter(const Directory& directory, const Wait& wait) : wait_(wait), events_(watch(directory)) {
  if (wait.limit) deadline_ = steady_clock::now() + std::min(*wait.limit, longest_limit);
  if (wait.waits) wait.waits();
}

bool Waiter::pause() {
  const auto cancelled = [this] { return wait_.cancelled && wait_.cancelled(); };
  const auto refuse = [] { throw base::Error(base::ErrorCode::cancelled, "waiting for the source tree: cancelled"); };
  if (cancelled()) refuse();
  const auto now = steady_clock::now();
  if (deadline_ && now >= *deadline_) return false;
  auto left = interval;
  if (deadline_) left = std::min(left, std::chrono::ceil<milliseconds>(*deadline_ - now));
  // At most one early wake an interval: a busy directory must not make each waiter spin.
  const bool listen = events_ && now - last_early_wake_ >= interval;
  pollfd watched{listen ? events_.get() : -1, POLLIN, 0};
  // EINTR: a signal, Ctrl-C perhaps: `cancelled` knows.
  const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
  if (ready < 0 && errno != EINTR) base::throw_errno("waiting for the source tree");
  if (ready > 0) last_early_wake_ = steady_clock::now();
  char drained[4096];
  while (events_ && ::read(events_.get(), drained, sizeof drained) > 0) continue;
  if (cancelled()) refuse();
  return true;
}

}  // namespace unionroot::locks::detail
