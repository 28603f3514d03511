#include "terminal/time_limit.h"

#include <sys/time.h>

#include "base/error.h"

namespace unionroot::terminal {

Alarm::Alarm(const std::optional<TimeLimit>& limit) : limit_(limit) {
  if (!limit_) return;
  ::signal(SIGALRM, SIG_DFL);  // the caller may have ignored it
  blocked_.emplace(std::initializer_list<int>{SIGALRM});
  set(limit_->limit);
}

Alarm::~Alarm() {
  if (!limit_) return;
  set(std::chrono::milliseconds(0));
  while (blocked_->take()) continue;  // a pending SIGALRM would end this process when it is unblocked
}

bool Alarm::begin_grace() {
  if (!limit_ || over_) return false;
  over_ = true;
  set(limit_->grace);
  return true;
}

// 0 cancels the alarm.
void Alarm::set(std::chrono::milliseconds time) {
  itimerval value{};
  value.it_value.tv_sec = time.count() / 1000;
  value.it_value.tv_usec = time.count() % 1000 * 1000;
  if (::setitimer(ITIMER_REAL, &value, nullptr) != 0) base::throw_errno("setting the time limit");
}

}  // namespace unionroot::terminal
