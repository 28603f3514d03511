// Runs blocking work on threads, so that no class of work and no user delays another.
#pragma once

#include <sys/types.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "daemon/scheduler/work.h"

namespace unionroot::daemon {

// Each class of work has limits. A job over a limit waits in a queue of its class and user; the users of a class take
// turns. Threads belong to no class: there are as many as jobs under way, and never more than the limits of all classes
// together. So a job within its limits starts at once.
class Scheduler {
 public:
  using Job = std::function<void()>;  // must not throw; exceptions are logged

  explicit Scheduler(const Limits& limits) : limits_(limits) {}
  ~Scheduler() { stop(); }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  enum class Queue { limited, unlimited };  // unlimited: the daemon's own work on behalf of a user

  // Throws Error(limit_exceeded) when the user's queue is full, Error(cancelled) once stop() was called.
  void submit(Work work, uid_t uid, Job job, Queue queue = Queue::limited);

  // Call it last in a job: the same user's request continues as another class of work. It stays on this thread if that
  // class has room; else the job is queued. Throws as submit() does.
  void go_on(Work work, uid_t uid, Job job);

  // Refuses new jobs, destroys the queued ones, waits for the running ones. Idempotent.
  void stop();

 private:
  struct User {
    std::size_t running = 0;
    std::deque<Job> queued;
  };
  struct Class {
    std::size_t running_users = 0, running_root = 0;
    std::unordered_map<uid_t, User> users;
    std::deque<uid_t> turns;  // the users who have something queued
  };
  struct Task {
    Work work = Work::lookup;
    uid_t uid = 0;
    Job job;  // empty: there is none
  };

  [[nodiscard]] Class& of(Work work) { return classes_[static_cast<std::size_t>(work)]; }
  [[nodiscard]] bool has_room(Work work, uid_t uid);
  void enter(Work work, uid_t uid);
  void leave(Work work, uid_t uid);
  void require_queue(Work work, uid_t uid);  // throws if the user's queue is full
  void enqueue(Work work, uid_t uid, Job job);
  Task next_of(Work work);
  void hand_out(Task task);
  void serve();
  Task follow(const Task& done, Task rest);

  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable handed_out_;
  std::array<Class, work_classes> classes_;
  std::deque<Task> ready_;  // within their limits, for the next free thread
  std::size_t idle_ = 0;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace unionroot::daemon
