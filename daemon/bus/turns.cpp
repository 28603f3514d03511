#include "daemon/bus/turns.h"

#include <algorithm>
#include <ctime>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

// A job that throws is done.
template <typename Job>
Turns::Next logged(Job&& job) {
  try {
    return job();
  } catch (const std::exception& error) {
    base::log::error(base::concat("on the bus thread: ", error.what()));
    return Turns::Next::done;
  }
}

}  // namespace

// Processor time, not elapsed time: a busy machine interrupts jobs, and the user must not pay for that.
Turns::Clock::duration Turns::processor_time() {
  timespec time{};
  base::check(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), "reading the thread's processor time");
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Turns::Turns(asio::io_context& io, Surroundings surroundings, const Rules& rules)
    : io_(io), surroundings_(std::move(surroundings)), rules_(rules), timer_(io) {}

bool Turns::may_go_on(uid_t uid, const User& user, Clock::time_point now) const {
  const auto stock = std::chrono::duration_cast<Clock::duration>(rules_.stock / rules_.share);
  return uid == 0 || user.paid_until <= now + stock;
}

void Turns::charge(uid_t uid, Clock::duration used) {
  User& user = users_[uid];
  user.paid_until =
      std::max(user.paid_until, surroundings_.now()) + std::chrono::duration_cast<Clock::duration>(used / rules_.share);
}

void Turns::note_arrival(Clock::time_point now) {
  const auto sent = std::exchange(on_its_way_, std::nullopt);
  // The charge is limited: on a busy machine the bus may be slow for other reasons.
  if (sent) charge(sent->first, std::min<Clock::duration>(now - sent->second, rules_.longest_wait));
}

// Returns true after longest_wait in any case: a user whose calls are refused without a pause keeps the bus busy.
bool Turns::is_clear(Clock::time_point now) {
  if (surroundings_.is_clear()) {
    unclear_since_.reset();
    return true;
  }
  if (!unclear_since_) unclear_since_ = now;
  if (now - *unclear_since_ < rules_.longest_wait) return false;
  unclear_since_ = now;
  return true;
}

void Turns::require_room(uid_t uid, std::size_t queued, std::size_t most) const {
  if (stopped_) throw base::Error(base::ErrorCode::cancelled, "unionrootd is stopping", "try again in a moment");
  if (uid == 0 || queued < most) return;
  throw base::Error(base::ErrorCode::limit_exceeded,
                    base::concat("uid ", uid, " has ", queued, " calls that wait to be answered, which is the limit"),
                    "wait for answers before asking again");
}

void Turns::quick(uid_t uid, Quick job) {
  User& user = users_[uid];
  require_room(uid, user.quick.size(), rules_.most_quick);
  if (user.quick.empty() && may_go_on(uid, user, surroundings_.now())) {
    do_quick(uid, job);
    return;
  }
  user.quick.push_back(std::move(job));
  schedule();
}

void Turns::longer(uid_t uid, Long job) {
  User& user = users_[uid];
  require_room(uid, user.longer.size(), rules_.most_long);
  user.longer.push_back(std::move(job));
  schedule();
}

bool Turns::passes(uid_t uid) {
  constexpr unsigned one_of = 16;
  User& user = users_[uid];
  const bool held_back = !user.quick.empty() || !may_go_on(uid, user, surroundings_.now());
  if (held_back && ++user.held_back % one_of != 0) return false;
  charge(uid, rules_.bus_cost);
  return true;
}

void Turns::go_on(uid_t uid) {
  const auto found = users_.find(uid);
  if (found == users_.end()) return;
  found->second.later = false;
  schedule();
}

void Turns::do_quick(uid_t uid, const Quick& job) {
  const auto used = surroundings_.used();
  logged([&] {
    job();
    return Next::done;
  });
  charge(uid, surroundings_.used() - used + rules_.bus_cost);
}

void Turns::do_longer(uid_t uid) {
  const auto used = surroundings_.used();
  // Set before the call: the job may cause go_on() before it returns.
  users_[uid].later = true;
  Long job = std::move(users_[uid].longer.front());
  const Next next = logged(job.write);
  charge(uid, surroundings_.used() - used);
  User& user = users_[uid];
  if (user.longer.empty()) return;  // stop() was called
  if (next == Next::done) on_its_way_.emplace(uid, surroundings_.now());
  if (next == Next::done)
    user.longer.pop_front();
  else
    user.longer.front() = std::move(job);
  if (next != Next::later) user.later = false;
  user.begun = next == Next::again;
}

void Turns::drop_unwanted(User& user) {
  while (!user.longer.empty() && !user.later && user.longer.front().wanted && !user.longer.front().wanted()) {
    user.longer.pop_front();
    user.begun = false;
  }
}

// The user who has used the least, of those with work that can be done now.
Turns::Users::iterator Turns::next(Clock::time_point now, bool clear) {
  auto best = users_.end();
  for (auto each = users_.begin(); each != users_.end();) {
    auto& [uid, user] = *each;
    drop_unwanted(user);
    if (user.quick.empty() && user.longer.empty()) {
      each = user.paid_until <= now ? users_.erase(each) : std::next(each);
      continue;
    }
    const bool ready = !user.quick.empty() || (!user.later && (clear || user.begun));
    if (ready && may_go_on(uid, user, now) && (best == users_.end() || user.paid_until < best->second.paid_until))
      best = each;
    ++each;
  }
  return best;
}

void Turns::turn() {
  scheduled_ = false;
  if (stopped_) return;
  const auto now = surroundings_.now();
  const bool clear = is_clear(now);
  if (clear) note_arrival(now);
  const auto found = next(now, clear);
  if (found == users_.end()) {
    wait(now, clear);
    return;
  }
  const uid_t uid = found->first;
  if (!found->second.quick.empty()) {
    const Quick job = std::move(found->second.quick.front());
    found->second.quick.pop_front();
    do_quick(uid, job);
  } else {
    do_longer(uid);
  }
  surroundings_.did_something();
  schedule();
}

void Turns::schedule() {
  if (stopped_ || std::exchange(scheduled_, true)) return;
  timer_.cancel();
  asio::post(io_, [this] { turn(); });
}

// Waits until a user has a share again, or the bus takes more.
void Turns::wait(Clock::time_point now, bool clear) {
  auto until = on_its_way_ ? now + rules_.look_again_after : Clock::time_point::max();
  for (const auto& [uid, user] : users_) {
    if (user.quick.empty() && (user.longer.empty() || user.later)) continue;
    if (may_go_on(uid, user, now)) {
      if (!clear) until = std::min(until, now + rules_.look_again_after);
      continue;
    }
    const auto stock = std::chrono::duration_cast<Clock::duration>(rules_.stock / rules_.share);
    until = std::min(until, user.paid_until - stock);
  }
  if (until == Clock::time_point::max()) return;
  timer_.expires_after(until - now);
  timer_.async_wait([this](const AsioError& error) {
    if (!error) schedule();
  });
}

void Turns::stop() {
  stopped_ = true;
  timer_.cancel();
  const auto dropped = std::exchange(users_, {});
}

}  // namespace unionroot::daemon
