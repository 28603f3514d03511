// The lock of a session's operations.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace unionroot::session {

// Like std::shared_timed_mutex, but another thread may unlock it: a begin that waits for a tree has no thread.
// pthread_rwlock_unlock(3) requires the same thread.
class OperationLock {
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    freed_.wait(guard, [this] { return is_free(); });
    exclusive_ = true;
  }
  bool try_lock() { return try_lock_for(std::chrono::milliseconds(0)); }
  bool try_lock_for(std::chrono::milliseconds limit) {
    std::unique_lock guard(mutex_);
    if (!freed_.wait_for(guard, limit, [this] { return is_free(); })) return false;
    exclusive_ = true;
    return true;
  }
  void unlock() {
    const std::lock_guard guard(mutex_);
    exclusive_ = false;
    freed_.notify_all();
  }

  void lock_shared() {
    std::unique_lock guard(mutex_);
    freed_.wait(guard, [this] { return !exclusive_; });
    ++shared_;
  }
  bool try_lock_shared() { return try_lock_shared_for(std::chrono::milliseconds(0)); }
  bool try_lock_shared_for(std::chrono::milliseconds limit) {
    std::unique_lock guard(mutex_);
    if (!freed_.wait_for(guard, limit, [this] { return !exclusive_; })) return false;
    ++shared_;
    return true;
  }
  void unlock_shared() {
    const std::lock_guard guard(mutex_);
    // Notify under the lock: a waiter may destroy this object as soon as the lock is released.
    if (--shared_ == 0) freed_.notify_all();
  }

 private:
  [[nodiscard]] bool is_free() const { return !exclusive_ && shared_ == 0; }

  std::mutex mutex_;
  std::condition_variable freed_;
  bool exclusive_ = false;
  unsigned shared_ = 0;
};

}  // namespace unionroot::session
