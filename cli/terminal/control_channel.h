// Messages to and from a run's supervisor.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "launch/control.h"
#include "terminal/relay.h"

namespace unionroot::terminal {

class ControlChannel {
 public:
  ControlChannel(base::UniqueFd socket, const Warn& warn, const Tell& tell, const std::optional<TimeLimit>& limit)
      : socket_(std::move(socket)), warn_(warn), tell_(tell), alarm_(limit) {}

  [[nodiscard]] int descriptor() const { return socket_.get(); }

  // Receives one message; blocks until there is one. False at the end of the socket. Throws SystemError.
  bool receive();

  // Does not report a supervisor that is gone: receive() finds the end of the socket.
  void send(launch::control::Type type, std::uint32_t value);

  // Called after SIGALRM. Tells the command to end, or kills it. False: there is no time limit.
  bool time_is_up();
  [[nodiscard]] bool timed_out() const { return alarm_.is_over(); }

  // The command has been executed.
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] const std::optional<Outcome>& outcome() const { return outcome_; }
  [[nodiscard]] base::UniqueFd take_master() { return std::move(master_); }
  // True if the last message was a warning or a detail. The terminal must be in its usual mode when it is shown.
  [[nodiscard]] bool has_warning() const { return !warning_.empty() || detail_; }
  void show_warning() {
    if (tell_ && detail_) tell_(*detail_);
    if (warn_ && !warning_.empty()) warn_(warning_);
    detail_.reset();
    warning_.clear();
  }
  // Whether the session's source is packed when the session ends; nullopt: it is not a source session.
  [[nodiscard]] const std::optional<bool>& source_is_packed() const { return source_is_packed_; }
  // Shows the progress, if the last message was one of progress. Returns whether it was.
  bool show_progress(const Ending& ending);
  // Whether the command has stopped since the last call.
  [[nodiscard]] bool take_stop() { return std::exchange(stopped_, false); }

 private:
  void handle(const launch::control::Message& message);

  base::UniqueFd socket_;
  const Warn& warn_;
  const Tell& tell_;
  Alarm alarm_;
  std::optional<Outcome> outcome_;
  base::UniqueFd master_;
  std::string warning_;
  std::optional<Detail> detail_;
  std::string progress_;  // text of the last message of progress
  bool stopped_ = false, started_ = false;
  std::optional<bool> source_is_packed_;
};

}  // namespace unionroot::terminal
