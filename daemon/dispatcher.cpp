#include "daemon/dispatcher.h"

#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

thread_local uid_t running_for = 0;

void run_job(uid_t uid, std::function<void()>& job) {
  running_for = uid;
  try {
    job();
  } catch (const std::exception& error) {
    base::log::error(base::concat("a job of uid ", uid, " failed: ", error.what()));
  } catch (...) {
    base::log::error(base::concat("a job of uid ", uid, " failed with something that is no std::exception"));
  }
  // Before the job counts as finished: its destructor may still answer its caller.
  job = nullptr;
  running_for = 0;
}

[[noreturn]] void refuse_stopping() {
  throw base::Error(base::ErrorCode::cancelled, "unionrootd is stopping", "try again in a moment");
}

}  // namespace

Lane::Lane(Limits limits) : limits_(std::move(limits)), pool_(limits_.threads) {}

Lane::~Lane() { stop(); }

uid_t Lane::current_uid() { return running_for; }

std::size_t Lane::at_once(uid_t uid) const {
  if (uid != 0) return limits_.at_once;
  return limits_.threads > 1 ? limits_.threads - 1 : 1;
}

void Lane::submit(uid_t uid, std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stopping_) refuse_stopping();
  User& user = users_[uid];
  if (user.running < at_once(uid)) {
    ++user.running;
    start(uid, std::move(job));
    return;
  }
  if (limits_.queued != 0 && uid != 0 && user.queued.size() >= limits_.queued) {
    throw base::Error(base::ErrorCode::limit_exceeded,
                      base::concat("uid ", uid, " has ", user.queued.size() + user.running, " ", limits_.name,
                                   " under way or waiting, which is the limit"),
                      "wait until some of them are done");
  }
  user.queued.push_back(std::move(job));
}

void Lane::start(uid_t uid, std::function<void()> job) {
  asio::post(pool_, [this, uid, job = std::move(job)]() mutable {
    run_job(uid, job);
    finished(uid);
  });
}

void Lane::finished(uid_t uid) {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(uid);
  if (found == users_.end()) return;
  User& user = found->second;
  if (!user.queued.empty() && !stopping_) {
    auto next = std::move(user.queued.front());
    user.queued.pop_front();
    start(uid, std::move(next));
    return;
  }
  if (--user.running == 0 && user.queued.empty()) users_.erase(found);
}

void Lane::stop() {
  std::unordered_map<uid_t, User> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [uid, user] : users_) dropped[uid].queued.swap(user.queued);
  }
  dropped.clear();
  pool_.join();
}

WaitingRoom::~WaitingRoom() { stop(); }

void WaitingRoom::submit(uid_t uid, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) refuse_stopping();
    std::size_t& inside = users_[uid];
    if (inside >= per_user_) {
      throw base::Error(base::ErrorCode::limit_exceeded,
                        base::concat("uid ", uid, " has ", inside, " requests waiting, which is the limit"),
                        "wait until some of them are done, or ask without 'wait'");
    }
    ++inside;
    ++inside_;
  }
  try {
    std::thread([this, uid, job = std::move(job)]() mutable {
      run_job(uid, job);
      leave(uid);
    }).detach();
  } catch (...) {
    leave(uid);
    throw;
  }
}

void WaitingRoom::leave(uid_t uid) {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(uid);
  if (--found->second == 0) users_.erase(found);
  --inside_;
  // Under the lock: whoever waits in stop() may destroy the condition as soon as it is released.
  left_.notify_all();
}

void WaitingRoom::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  left_.wait(lock, [this] { return inside_ == 0; });
}

}  // namespace unionroot::daemon
