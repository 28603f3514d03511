// Closes the descriptors that callers passed, on threads that may block for ever.
//
// A close may take as long as the caller likes: a FUSE server gets a FLUSH for each close of a duplicate, a TCP
// socket waits for its unsent data (SO_LINGER), and a lock of the file may be held. No signal ends the wait for a FUSE
// server.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace unionroot::daemon {

// Thread-safe. Each user has a limited number of threads: a user who blocks them does not block others. Never
// destroyed: a blocked thread still uses it.
class Closers {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t threads_per_user = 4;
  static constexpr std::size_t most_threads = 64;
  static constexpr std::size_t threads_for_root = 4;  // reserved for root, out of most_threads
  // A close that takes longer counts as late: the owner of the descriptor can make it wait.
  static constexpr std::chrono::seconds usual_time{1};

  // The owner of descriptors that came in one message. They stay open until the uid is known.
  struct Owner {
    std::optional<uid_t> uid;
    std::vector<int> waiting;
  };
  using OwnerPtr = std::shared_ptr<Owner>;

  // The only instance.
  static Closers& instance();

  void close(int descriptor, const OwnerPtr& owner);
  void known(const OwnerPtr& owner, uid_t uid);

  // Throws Error(limit_exceeded) if late closes take all threads of this user. Never for root.
  void require_free(uid_t uid);

  // Waits at most two seconds for the closes under way, and logs what is left. After the first second it aborts the
  // FUSE connections that delay a close and belong to the user who passed the descriptor.
  void finish();

 private:
  struct User {
    std::deque<int> queued;
    std::list<Clock::time_point> under_way;  // when each began
    bool aborting = false;
  };

  Closers() = default;
  void enqueue(uid_t uid, int descriptor);
  [[nodiscard]] bool has_room(uid_t uid, const User& user) const;
  [[nodiscard]] std::deque<uid_t>::iterator next_turn();
  [[nodiscard]] std::size_t late(const User& user) const;
  void wake();
  void abort_if_flooded(uid_t uid, User& user);
  void serve();
  void close_next(std::unique_lock<std::mutex>& lock, std::deque<uid_t>::iterator turn);

  std::mutex mutex_;
  std::condition_variable given_, done_;
  std::unordered_map<uid_t, User> users_;
  std::deque<uid_t> turns_;  // the users who have something queued
  std::size_t threads_ = 0, idle_ = 0, woken_ = 0, under_way_ = 0;
};

}  // namespace unionroot::daemon
