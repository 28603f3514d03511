#include "daemon/scheduler/lock_watch.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds soon{10};       // several files may be removed at once
constexpr milliseconds at_least{500};  // interval with a watch
constexpr milliseconds without{100};   // interval without a watch

void drain(int descriptor) {
  char events[4096];
  while (::read(descriptor, events, sizeof events) > 0) continue;
}

// True after an exception: go_on() then reports the error to the caller.
bool is_worth_trying(WaitingBegin& waiting) {
  // False while another thread tries it: that may take long, and it is added again if it must wait again.
  const std::unique_lock turn(waiting.turn, std::try_to_lock);
  if (!turn) return false;
  try {
    return !waiting.begin || waiting.begin->worth_trying();
  } catch (const std::exception& error) {
    base::log::debug(base::concat("looking at locks: ", error.what()));
    return true;
  }
}

}  // namespace

LockWatch::LockWatch(asio::io_context& io, Scheduler& scheduler, std::function<base::UniqueFd()> watch,
                     std::function<void()> found)
    : io_(io), scheduler_(scheduler), watch_(std::move(watch)), found_(std::move(found)), changes_(io), timer_(io) {}

void LockWatch::add(const WaitingBeginPtr& waiting) {
  if (stopped_) return;
  std::erase_if(waiting_, [&](const auto& each) {
    const auto other = each.lock();
    return !other || other == waiting;
  });
  waiting_.push_back(waiting);
  if (!changes_.is_open()) {
    if (auto descriptor = watch_()) {
      AsioError problem;  // without a watch, the timer is enough
      changes_.assign(descriptor.get(), problem);
      if (!problem) static_cast<void>(descriptor.release());
    }
  }
  listen();
  look_after({});  // for files that were removed before the watch
}

void LockWatch::listen() {
  if (!changes_.is_open() || std::exchange(listening_, true)) return;
  changes_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const AsioError& error) {
    listening_ = false;
    if (error || stopped_) return;
    drain(changes_.native_handle());
    look_after(soon);
  });
}

void LockWatch::look_after(milliseconds delay) {
  timer_.expires_after(delay);
  timer_.async_wait([this](const AsioError& error) {
    if (!error && !stopped_) look();
  });
}

void LockWatch::look() {
  std::vector<WaitingBeginPtr> all;
  for (const auto& each : waiting_)
    if (auto waiting = each.lock(); waiting && !waiting->worth_trying) all.push_back(std::move(waiting));
  waiting_.assign(all.begin(), all.end());
  if (all.empty()) {
    AsioError ignored;
    changes_.close(ignored);
    return;
  }
  if (std::exchange(looking_, true)) {
    look_after(soon);
    return;
  }
  try {
    scheduler_.submit(Work::locks, 0, [this, all = std::move(all)]() mutable {
      for (const auto& each : all)
        if (is_worth_trying(*each)) each->worth_trying = true;
      all.clear();  // the worker must not hold the last reference
      asio::post(io_, [this] { looked(); });
    });
  } catch (const std::exception& error) {
    looking_ = false;  // the daemon stops
    base::log::debug(base::concat("looking at locks: ", error.what()));
  }
}

void LockWatch::looked() {
  looking_ = false;
  if (stopped_) return;
  found_();
  listen();
  look_after(changes_.is_open() ? at_least : without);
}

void LockWatch::stop() {
  stopped_ = true;
  AsioError ignored;
  timer_.cancel();
  changes_.close(ignored);
}

}  // namespace unionroot::daemon
