// Work that blocks, off the bus thread, and shared out so that no user keeps another from working.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "daemon/asio.h"

namespace unionroot::daemon {

// A pool of threads in which each user has at most so many jobs at once; further ones wait in a queue of that user's.
class Lane {
 public:
  struct Limits {
    std::string name;  // for messages: "operations"
    std::size_t threads = 4;
    std::size_t at_once = 2;  // per uid; root: threads - 1, so that one thread is always somebody else's
    std::size_t queued = 0;   // per uid who is not root, beyond those at once; 0: without limit
  };
  explicit Lane(Limits limits);
  ~Lane();

  // Throws Error(limit_exceeded) when the user's queue is full, Error(cancelled) once stop() was called.
  // A job must not throw; what it throws nevertheless is logged.
  void submit(uid_t uid, std::function<void()> job);

  // Refuses new jobs, drops the queued ones (destroying them), waits for those that run. Idempotent.
  void stop();

  // Whose job the calling thread is running; 0 outside of jobs.
  static uid_t current_uid();

 private:
  struct User {
    std::size_t running = 0;
    std::deque<std::function<void()>> queued;
  };
  [[nodiscard]] std::size_t at_once(uid_t uid) const;
  void start(uid_t uid, std::function<void()> job);
  void finished(uid_t uid);

  const Limits limits_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::unordered_map<uid_t, User> users_;
  asio::thread_pool pool_;
};

// Requests that wait for somebody else (a source tree to be free): a thread each, so that waiting costs no worker.
class WaitingRoom {
 public:
  explicit WaitingRoom(std::size_t per_user) : per_user_(per_user) {}
  ~WaitingRoom();

  void submit(uid_t uid, std::function<void()> job);  // as Lane::submit
  void stop();                                        // waits until everyone has left: cancel them first

 private:
  void leave(uid_t uid);

  const std::size_t per_user_;
  std::mutex mutex_;
  std::condition_variable left_;
  bool stopping_ = false;
  std::size_t inside_ = 0;
  std::unordered_map<uid_t, std::size_t> users_;
};

}  // namespace unionroot::daemon
