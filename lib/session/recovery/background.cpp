// Sessions that the start of the daemon found, which must be set up again, or ended by scripts that may be slow.
// Several are handled at once, while the daemon already serves everybody.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "session/operations/end.h"
#include "session/recovery/reconcile.h"
#include "session/recovery/recover.h"
#include "session/reporting.h"
#include "session/session_events.h"

namespace unionroot::session {

using base::concat;

namespace {

constexpr std::size_t at_first = 4;
constexpr std::size_t most = 64;
constexpr std::chrono::milliseconds patience{250};

// Threads that work through a list. If all of them are blocked, by trees on a disk that does not answer or by slow
// hooks, one more is started. So slow sessions do not hold back the others.
class Recoverers {
 public:
  explicit Recoverers(std::function<bool()> one) : one_(std::move(one)) {}

  // Returns when `one` has returned false in every thread: there is no more to do.
  void run(std::size_t count) {
    std::unique_lock guard(mutex_);
    bool more = true;
    for (std::size_t i = 0; more && i < std::min(at_first, count); ++i) more = start();
    if (working_ == 0) {
      ++working_;
      guard.unlock();
      work();
      guard.lock();
    }
    while (working_ > 0) {
      const auto before = finished_;
      const bool woken = changed_.wait_for(guard, patience, [&] { return working_ == 0 || finished_ != before; });
      if (!woken && more && !empty_ && threads_.size() < std::min(most, count)) more = start();
    }
    guard.unlock();
    for (auto& thread : threads_) thread.join();
  }

 private:
  // The caller holds mutex_. False if the machine cannot start a thread: the existing ones do all the work.
  bool start() {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      base::log::warning(concat("starting a thread to recover sessions: ", error.what()));
      return false;
    }
    ++working_;
    return true;
  }

  void work() {
    bool more = true;
    while (more) {
      more = one_();
      const std::lock_guard guard(mutex_);
      ++finished_;
      if (!more) empty_ = true;
      changed_.notify_all();
    }
    const std::lock_guard guard(mutex_);
    --working_;
    changed_.notify_all();
  }

  const std::function<bool()> one_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
  std::size_t working_ = 0;
  std::size_t finished_ = 0;
  bool empty_ = false;
};

}  // namespace

bool Reconciliation::recover_next() {
  const auto index = next_to_recover_++;
  if (parts_.stopping || index >= to_recover_.size()) return false;
  const auto& session = to_recover_[index];
  const auto stopping = [this] { return parts_.stopping.load(); };
  try {
    Operation operation(session);
    if (!parts_.table.has(*session)) return true;  // another request has ended it
    const auto state = session->state();
    if (state == store::SessionState::recovering) {
      recover(parts_, operation, stopping);
    } else if (state == store::SessionState::beginning || state == store::SessionState::ending) {
      const Reporting reporting(parts_, operation, {});
      end(parts_, operation, !is_put_back(operation), stopping);
      parts_.tell(session_event(events::Kind::session_ended, *session));
    }
  } catch (const std::exception& error) {
    // The session is listed as failed with its reason, or waits for the next start. The others are still recovered.
    base::log::error(concat("recovering session ", session->id(), ": ", error.what()));
  }
  return true;
}

void Reconciliation::recover_in_background() {
  if (to_recover_.empty()) return;
  background_.emplace_back([this] { Recoverers([this] { return recover_next(); }).run(to_recover_.size()); });
}

}  // namespace unionroot::session
