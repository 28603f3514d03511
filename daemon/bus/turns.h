// Shares the bus thread between users, so that one user's calls do not delay another's.
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

// Each user has a share of the thread's time. The user who has used the least is served first. A user who has used up
// the share, and a stock that refills with time, is served later. Root has no limit. Bus thread only.
//
// A user has two queues. Quick calls are done in their order, one per turn. Long answers are written one after
// another, one piece per turn, and only when the bus has read what was sent before. The time until the bus has read an
// answer is charged to its user. So neither many nor large answers delay another user's.
class Turns {
 public:
  using Clock = std::chrono::steady_clock;

  struct Rules {
    double share = 0.2;                                // of the thread's time, for one user
    std::chrono::microseconds stock{50'000};           // that a user can use at once
    std::chrono::microseconds bus_cost{0};             // charged for each quick call: the bus carries it and its answer
    std::size_t most_quick = 512, most_long = 64;      // in the queues of one user
    std::chrono::microseconds look_again_after{1000};  // interval of asking whether the bus has read what was sent
    // A long answer is written after this time even if the bus has not read what was sent: others may send much. It is
    // also the most that the bus's reading of one answer is charged.
    std::chrono::microseconds longest_wait{50'000};
  };
  static Clock::duration processor_time();
  struct Surroundings {
    std::function<void()> did_something;  // called after each turn, to send what was written
    std::function<bool()> is_clear;       // true if the bus has read what was sent
    std::function<Clock::time_point()> now = Clock::now;
    std::function<Clock::duration()> used = processor_time;  // processor time of the thread
  };

  // done: it is over. again: there is more to do. later: not before go_on().
  enum class Next { done, again, later };
  using Quick = std::function<void()>;
  using Write = std::function<Next()>;
  struct Long {
    Write write;
    std::function<bool()> wanted;  // false: the caller has gone, and the answer is dropped. Empty: always wanted
  };

  Turns(asio::io_context& io, Surroundings surroundings, const Rules& rules);

  // quick() runs the job at once if it is the user's turn. Both throw Error(limit_exceeded) if the user's queue is
  // full, and Error(cancelled) after stop(). An exception of a job is logged and ends the job.
  void quick(uid_t uid, Quick job);
  void longer(uid_t uid, Long job);
  // For a call that is answered elsewhere, at once. True: it is the user's turn, and the call is charged. Of the calls
  // that come too soon, one of 16 passes: refusals wait too, so a user who calls without a pause would never have a
  // turn.
  [[nodiscard]] bool passes(uid_t uid);
  // The user's first long answer, which returned Next::later, can continue.
  void go_on(uid_t uid);
  // Drops what is queued.
  void stop();

 private:
  struct User {
    Clock::time_point paid_until{};  // when the share has paid for the time that was used
    std::deque<Quick> quick;
    std::deque<Long> longer;
    unsigned held_back = 0;  // calls that were too soon for passes()
    bool later = false;      // the first long answer waits for go_on()
    bool begun = false;      // a piece of it is written; it is sent after the last piece
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
  // User and send time of the long answer that the bus has not read yet.
  std::optional<std::pair<uid_t, Clock::time_point>> on_its_way_;
  std::optional<Clock::time_point> unclear_since_;
  asio::steady_timer timer_;
  bool scheduled_ = false, stopped_ = false;
};

}  // namespace unionroot::daemon
