#include "daemon/bus/closers.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/bus/fuse_connections.h"

namespace unionroot::daemon {

namespace {

using base::concat;

// If a user has more queued descriptors, that user's FUSE connections are aborted: the queue could use up the daemon's
// descriptors.
constexpr std::size_t most_queued = 256;

constexpr auto patience_at_end = std::chrono::seconds(1);

// Runs on a closer thread: the socket's owner can hold its lock for any time. An owner who turns lingering on again
// blocks only this thread.
void close_without_lingering(int descriptor) {
  const linger off{};
  ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &off, sizeof off);  // fails with ENOTSOCK for most descriptors
  ::close(descriptor);
}

}  // namespace

Closers& Closers::instance() {
  static Closers& only = *new Closers;
  return only;
}

void Closers::close(int descriptor, const OwnerPtr& owner) {
  const std::lock_guard lock(mutex_);
  if (owner->uid)
    enqueue(*owner->uid, descriptor);
  else
    owner->waiting.push_back(descriptor);
}

void Closers::known(const OwnerPtr& owner, uid_t uid) {
  const std::lock_guard lock(mutex_);
  owner->uid = uid;
  for (const int descriptor : std::exchange(owner->waiting, {})) enqueue(uid, descriptor);
}

void Closers::require_free(uid_t uid) {
  const std::lock_guard lock(mutex_);
  const auto user = users_.find(uid);
  if (uid == 0 || user == users_.end() || late(user->second) < threads_per_user) return;
  throw base::Error(base::ErrorCode::limit_exceeded,
                    concat("uid ", uid, " has passed descriptors whose close does not return; ", threads_per_user,
                           " at once are the limit"),
                    "let the file system on which they lie answer, or unmount it");
}

std::size_t Closers::late(const User& user) const {
  const auto late_since = Clock::now() - usual_time;
  return static_cast<std::size_t>(std::count_if(user.under_way.begin(), user.under_way.end(),
                                                [&](const auto& began) { return began < late_since; }));
}

bool Closers::has_room(uid_t uid, const User& user) const {
  return user.under_way.size() < threads_per_user && under_way_ < most_threads - (uid == 0 ? 0 : threads_for_root);
}

std::deque<uid_t>::iterator Closers::next_turn() {
  return std::find_if(turns_.begin(), turns_.end(), [this](uid_t uid) { return has_room(uid, users_[uid]); });
}

void Closers::enqueue(uid_t uid, int descriptor) {
  User& user = users_[uid];
  if (user.queued.empty()) turns_.push_back(uid);
  user.queued.push_back(descriptor);
  if (has_room(uid, user))
    wake();
  else
    abort_if_flooded(uid, user);
}

// Wakes or starts one more thread for the queue.
void Closers::wake() {
  if (idle_ > woken_) {
    ++woken_;
    given_.notify_one();
    return;
  }
  if (threads_ == most_threads) return;
  try {
    std::thread([this] { serve(); }).detach();
    ++threads_;
  } catch (const std::system_error& error) {
    base::log::error(concat("starting a thread that closes descriptors: ", error.what()));  // the next call tries again
  }
}

void Closers::abort_if_flooded(uid_t uid, User& user) {
  if (uid == 0 || user.aborting || user.queued.size() < most_queued || late(user) < threads_per_user) return;
  user.aborting = true;
  try {
    std::thread([this, uid] {
      abort_waiting_fuse_connections(uid);
      const std::lock_guard lock(mutex_);
      if (const auto found = users_.find(uid); found != users_.end()) found->second.aborting = false;
    }).detach();
  } catch (const std::system_error& error) {
    user.aborting = false;
    base::log::error(concat("starting a thread that aborts FUSE connections: ", error.what()));
  }
}

void Closers::close_next(std::unique_lock<std::mutex>& lock, std::deque<uid_t>::iterator turn) {
  const uid_t uid = *turn;
  turns_.erase(turn);
  User& user = users_[uid];
  const int descriptor = user.queued.front();
  user.queued.pop_front();
  if (!user.queued.empty()) turns_.push_back(uid);
  const auto entry = user.under_way.insert(user.under_way.end(), Clock::now());
  ++under_way_;
  // The close may block this thread: wake another one.
  if (next_turn() != turns_.end()) wake();
  lock.unlock();
  close_without_lingering(descriptor);
  lock.lock();
  --under_way_;
  user.under_way.erase(entry);
  if (user.under_way.empty() && user.queued.empty() && !user.aborting) users_.erase(uid);
  done_.notify_all();
}

void Closers::serve() {
  // Signals must go to other threads: this one may be blocked in a close.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::unique_lock lock(mutex_);
  while (true) {
    for (auto turn = next_turn(); turn != turns_.end(); turn = next_turn()) close_next(lock, turn);
    ++idle_;
    given_.wait(lock, [this] { return woken_ > 0; });
    --woken_;
    --idle_;
  }
}

void Closers::finish() {
  std::unique_lock lock(mutex_);
  const auto over = [this] { return under_way_ == 0 && turns_.empty(); };
  if (done_.wait_for(lock, patience_at_end, over)) return;
  std::vector<uid_t> waiting;
  for (const auto& [uid, user] : users_)
    if (!user.under_way.empty()) waiting.push_back(uid);
  lock.unlock();
  for (const uid_t uid : waiting) abort_waiting_fuse_connections(uid);
  lock.lock();
  if (done_.wait_for(lock, patience_at_end, over)) return;
  for (const auto& [uid, user] : users_)
    base::log::warning(concat("uid ", uid, " has passed ", user.under_way.size() + user.queued.size(),
                              " descriptors whose close does not return: this process may end only once it does"));
}

}  // namespace unionroot::daemon
