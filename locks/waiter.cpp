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
constexpr milliseconds longest_limit{std::chrono::hours(24 * 365)};  // avoids an overflow when it is added to a time

}  // namespace

bool must_not_wait(const Wait& wait) { return wait.limit && wait.limit->count() <= 0; }

base::UniqueFd watch(const Directory& directory) {
  base::UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  // Watches through the descriptor, to get exactly this directory. IN_MOVED_FROM reports broken files that are set
  // aside.
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
  // Wakes early at most once per interval. Otherwise a busy directory would keep every waiter running.
  const bool listen = events_ && now - last_early_wake_ >= interval;
  pollfd watched{listen ? events_.get() : -1, POLLIN, 0};
  // On EINTR (a signal, such as Ctrl-C) `cancelled` decides.
  const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
  if (ready < 0 && errno != EINTR) base::throw_errno("waiting for the source tree");
  if (ready > 0) last_early_wake_ = steady_clock::now();
  char drained[4096];
  while (events_ && ::read(events_.get(), drained, sizeof drained) > 0) continue;
  if (cancelled()) refuse();
  return true;
}

}  // namespace unionroot::locks::detail
