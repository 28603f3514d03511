#include "daemon/scheduler/scheduler.h"

#include <exception>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using base::concat;

// What the job on this thread continues with.
struct Continuation {
  Work work = Work::lookup;
  Scheduler::Job job;
};
thread_local Continuation continuation;

void run_job(uid_t uid, Scheduler::Job& job) {
  try {
    job();
  } catch (const std::exception& error) {
    base::log::error(concat("a job of uid ", uid, " failed: ", error.what()));
  } catch (...) {
    base::log::error(concat("a job of uid ", uid, " failed with something that is no std::exception"));
  }
  // Destroyed before the job counts as finished: its destructor may still answer the caller.
  job = nullptr;
}

[[noreturn]] void refuse_stopping() {
  throw base::Error(base::ErrorCode::cancelled, "unionrootd is stopping", "try again in a moment");
}

}  // namespace

// Root's work takes its reserve first, then all places of the users but one.
bool Scheduler::has_room(Work work, uid_t uid) {
  const Limit& limit = limits_[work];
  const Class& in = of(work);
  const std::size_t all = limit.at_once + limit.for_root;
  if (uid == 0) {
    const std::size_t most = all > 1 ? all - 1 : 1;
    return in.running_root < most && in.running_root + in.running_users < all;
  }
  const std::size_t root_beyond = in.running_root > limit.for_root ? in.running_root - limit.for_root : 0;
  if (in.running_users + root_beyond >= limit.at_once) return false;
  const auto user = in.users.find(uid);
  return user == in.users.end() || user->second.running < limit.per_user;
}

void Scheduler::enter(Work work, uid_t uid) {
  Class& in = of(work);
  ++(uid == 0 ? in.running_root : in.running_users);
  ++in.users[uid].running;
}

void Scheduler::leave(Work work, uid_t uid) {
  Class& in = of(work);
  --(uid == 0 ? in.running_root : in.running_users);
  const auto user = in.users.find(uid);
  if (--user->second.running == 0 && user->second.queued.empty()) in.users.erase(user);
}

void Scheduler::require_queue(Work work, uid_t uid) {
  const Limit& limit = limits_[work];
  if (limit.queued == 0 || uid == 0) return;
  const auto user = of(work).users.find(uid);
  if (user == of(work).users.end() || user->second.queued.size() < limit.queued) return;
  throw base::Error(base::ErrorCode::limit_exceeded,
                    concat("uid ", uid, " has ", user->second.queued.size() + user->second.running, ' ', limit.name,
                           ", or waiting to be, which is the limit"),
                    "wait until some of them are done");
}

void Scheduler::enqueue(Work work, uid_t uid, Job job) {
  Class& in = of(work);
  User& user = in.users[uid];
  if (user.queued.empty()) in.turns.push_back(uid);
  user.queued.push_back(std::move(job));
}

// The next job that has room, or none. The users of a class take turns.
Scheduler::Task Scheduler::next_of(Work work) {
  Class& in = of(work);
  for (auto turn = in.turns.begin(); turn != in.turns.end(); ++turn) {
    const uid_t uid = *turn;
    if (!has_room(work, uid)) continue;
    in.turns.erase(turn);
    User& user = in.users[uid];
    Task task{work, uid, std::move(user.queued.front())};
    user.queued.pop_front();
    if (!user.queued.empty()) in.turns.push_back(uid);
    enter(work, uid);
    return task;
  }
  return {};
}

void Scheduler::hand_out(Task task) {
  ready_.push_back(std::move(task));
  if (idle_ >= ready_.size()) {
    handed_out_.notify_one();
    return;
  }
  try {
    threads_.emplace_back([this] { serve(); });
  } catch (const std::system_error& error) {
    base::log::error(concat("starting a thread: ", error.what()));
    if (!threads_.empty()) return;  // the next thread that is free takes it
    leave(ready_.back().work, ready_.back().uid);
    ready_.pop_back();
    throw base::Error(base::ErrorCode::limit_exceeded, concat("unionrootd cannot start a thread: ", error.what()),
                      "raise TasksMax= of unionrootd.service, or wait until the machine has room");
  }
}

void Scheduler::submit(Work work, uid_t uid, Job job, Queue queue) {
  const std::lock_guard lock(mutex_);
  if (stopping_) refuse_stopping();
  if (has_room(work, uid)) {
    enter(work, uid);
    hand_out({work, uid, std::move(job)});
    return;
  }
  if (queue == Queue::limited) require_queue(work, uid);
  enqueue(work, uid, std::move(job));
}

void Scheduler::go_on(Work work, uid_t uid, Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) refuse_stopping();
    if (!has_room(work, uid)) require_queue(work, uid);
  }
  continuation = Continuation{work, std::move(job)};
}

// What this thread does next: the rest of the same request if its class has room, else another job of the class that
// has a free place now.
Scheduler::Task Scheduler::follow(const Task& done, Task rest) {
  leave(done.work, done.uid);
  Task following;
  if (rest.job && has_room(rest.work, rest.uid)) {
    enter(rest.work, rest.uid);
    following = std::move(rest);
  } else if (rest.job) {
    enqueue(rest.work, rest.uid, std::move(rest.job));
  }
  for (Task another = next_of(done.work); another.job; another = next_of(done.work)) {
    if (following.job)
      hand_out(std::move(another));
    else
      following = std::move(another);
  }
  return following;
}

void Scheduler::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    handed_out_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
    --idle_;
    if (stopping_) return;
    Task task = std::move(ready_.front());
    ready_.pop_front();
    while (task.job) {
      lock.unlock();
      run_job(task.uid, task.job);
      auto next = std::exchange(continuation, {});
      Task rest{next.work, task.uid, std::move(next.job)};
      lock.lock();
      if (stopping_) {
        lock.unlock();  // a dropped job may answer its caller
        rest.job = nullptr;
        return;
      }
      task = follow(task, std::move(rest));
    }
  }
}

void Scheduler::stop() {
  std::array<Class, work_classes> dropped;
  std::deque<Task> unstarted;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (std::size_t i = 0; i < work_classes; ++i)
      for (auto& [uid, user] : classes_[i].users) dropped[i].users[uid].queued.swap(user.queued);
    unstarted.swap(ready_);
    handed_out_.notify_all();
  }
  unstarted.clear();
  for (auto& each : dropped) each.users.clear();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace unionroot::daemon
