#include "daemon/scheduler/parking.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest{10};
constexpr milliseconds longest{200};

}  // namespace

void Parking::park(Request request, Bound bound) {
  if (stopped_) {
    request.resume(Why::stopped);
    return;
  }
  std::size_t& parked = users_[request.uid];
  if (bound == Bound::limited && request.uid != 0 && parked >= per_user_) {
    throw base::Error(base::ErrorCode::limit_exceeded,
                      base::concat("uid ", request.uid, " has ", parked, " requests waiting, which is the limit"),
                      "wait until some of them are done, or ask without 'wait'");
  }
  ++parked;
  parked_.push_back(std::move(request));
  look();
}

void Parking::look() {
  if (parked_.empty() || interval_ == shortest) return;
  interval_ = shortest;
  wait();
}

void Parking::wait() {
  auto next = Clock::now() + interval_;
  for (const auto& request : parked_)
    if (request.until) next = std::min(next, *request.until);
  timer_.expires_at(next);
  timer_.async_wait([this](const AsioError& error) {
    if (!error) resume_ready();
  });
}

void Parking::resume_ready() {
  const auto now = Clock::now();
  std::list<Request> ready, over;
  for (auto request = parked_.begin(); request != parked_.end();) {
    const auto current = request++;
    const bool is_ready = current->ready();
    if (!is_ready && !(current->until && now >= *current->until)) continue;
    if (--users_[current->uid] == 0) users_.erase(current->uid);
    auto& into = is_ready ? ready : over;
    into.splice(into.end(), parked_, current);
  }
  // After the loop: a resumed request may park again.
  for (auto& request : ready) request.resume(Why::ready);
  for (auto& request : over) request.resume(Why::over);
  interval_ = std::min(interval_ * 3 / 2, longest);
  if (!parked_.empty())
    wait();
  else
    interval_ = milliseconds(0);
}

void Parking::stop() {
  stopped_ = true;
  timer_.cancel();
  users_.clear();
  for (auto& request : std::exchange(parked_, {})) request.resume(Why::stopped);
}

}  // namespace unionroot::daemon
