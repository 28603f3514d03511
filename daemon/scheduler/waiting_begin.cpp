#include "daemon/scheduler/waiting_begin.h"

#include <utility>

namespace unionroot::daemon {

bool WaitingBegin::take() {
  const std::lock_guard mine(turn);
  return queued.exchange(false);
}

bool WaitingBegin::needs_no_room() {
  if (!queued) return true;
  const std::unique_lock mine(turn, std::try_to_lock);  // `begin` must not be taken meanwhile
  return mine && (!queued || begin->is_cancelled());
}

void WaitingBegin::drop() {
  const std::lock_guard mine(turn);
  begin.reset();
}

WaitingBeginPtr WaitingBegins::add(std::unique_ptr<session::PendingBegin> begin) {
  auto waiting = std::make_shared<WaitingBegin>();
  waiting->begin = std::move(begin);
  const std::lock_guard guard(mutex_);
  std::erase_if(all_, [](const auto& each) { return each.expired(); });
  all_.push_back(waiting);
  return waiting;
}

void WaitingBegins::drop_all() {
  std::vector<std::weak_ptr<WaitingBegin>> all;
  {
    const std::lock_guard guard(mutex_);
    all.swap(all_);
  }
  for (const auto& each : all)
    if (const auto waiting = each.lock()) waiting->drop();
}

}  // namespace unionroot::daemon
