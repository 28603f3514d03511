// Whose turn it is on the bus thread, so that one user's calls keep no other user's waiting.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include "daemon/asio.h"

namespace unionroot::daemon {

// Each user has a share of the thread's time. Who has used the least is served first. Who has used up the share, and a
// stock that fills again with time, is served later. Root has no limit. Bus thread only.
//
// A user has two queues. Calls that are quick are done in their order, one a turn. Answers that are long are written
// one after another, a piece a turn, and only once the bus has read what was sent. The time that the bus takes to read
// one counts as used. So neither many nor large answers lie in front of another user's.
class Turns {
 public:
  using Clock = std::chrono::steady_clock;

  struct Rules {
    double share = 0.2;                                // of the thread's time, for one user
    std::chrono::microseconds stock{50'000};           // that a user can use at once
    std::chrono::microseconds bus_cost{0};             // of each quick call, for the bus carries it and its answer
    std::size_t most_quick = 512, most_long = 64;      // in the queues of one user
    std::chrono::microseconds look_again_after{1000};  // whether the bus has read what was sent
    // For one long answer that the bus has not come to the end of what was sent, since others send much.
    std::chrono::microseconds longest_wait{50'000};
  };
  static Clock::duration processor_time();
  struct Surroundings {
    std::function<void()> did_something;  // after each turn: what was sent is to go out
    std::function<bool()> is_clear;       // what was sent before has gone out
    std::function<Clock::time_point()> now = Clock::now;
    std::function<Clock::duration()> used = processor_time;  // by the thread
  };

  // done: it is over. again: there is more to do. later: not before go_on().
  enum class Next { done, again, later };
  using Quick = std::function<void()>;
  using Write = std::function<Next()>;
  struct Long {
    Write write;
    std::function<bool()> wanted;  // empty: it is. Else whoever asked may have gone, and it is dropped
  };

  Turns(asio::io_context& io, Surroundings surroundings, const Rules& rules);

  // Does it at once if it is the user's turn. Throws Error(limit_exceeded) if the user's queue is full. What a job
  // throws is logged, and ends that job.
  void quick(uid_t uid, Quick job);
  void longer(uid_t uid, Long job);
  // For a call that is answered elsewhere, at once. True: it is the user's turn, and the call counts as used. Of those
  // that come too soon one of 16 passes: who calls without a pause would never have a turn, for the refusals wait too.
  [[nodiscard]] bool passes(uid_t uid);
  // What answered Next::later, the user's first long answer, can be gone on with.
  void go_on(uid_t uid);
  // Drops what is queued.
  void stop();

 private:
  struct User {
    Clock::time_point paid_until{};  // when the share has made up for the time that was used
    std::deque<Quick> quick;
    std::deque<Long> longer;
    unsigned held_back = 0;  // calls that passes() was asked about too soon
    bool later = false;      // the first long one waits for go_on()
    bool begun = false;      // a piece of it is written; nothing is sent before the last
  };
  using Users = std::unordered_map<uid_t, User>;

  [[nodiscard]] bool may_go_on(uid_t uid, const User& user, Clock::time_point now) const;
  [[nodiscard]] Users::iterator next(Clock::time_point now, bool clear);
  static void drop_unwanted(User& user);
  void charge(uid_t uid, Clock::duration used);
  void note_arrival(Clock::time_point now);
  [[nodiscard]] bool is_clear(Clock::time_point now);
  void require_room(uid_t uid, std::size_t queued, std::size_t most) const;
  void do_quick(uid_t uid, const Quick& job);
  void do_longer(uid_t uid);
  void turn();
  void schedule();
  void wait(Clock::time_point now, bool clear);

  asio::io_context& io_;
  const Surroundings surroundings_;
  const Rules rules_;
  Users users_;
  // The long answer that the bus has not read yet: whose, and since when.
  std::optional<std::pair<uid_t, Clock::time_point>> on_its_way_;
  std::optional<Clock::time_point> unclear_since_;
  asio::steady_timer timer_;
  bool scheduled_ = false, stopped_ = false;
};

}  // namespace unionroot::daemon
