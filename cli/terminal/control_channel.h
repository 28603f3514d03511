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

  // Takes one message; blocks if there is none. False at the end of the socket.
  bool receive();

  // A supervisor that is gone is no error here: the end of the socket tells.
  void send(launch::control::Type type, std::uint32_t value);

  // After SIGALRM: the command is told to end, or killed. False: it has no time limit.
  bool time_is_up();
  [[nodiscard]] bool timed_out() const { return alarm_.is_over(); }

  [[nodiscard]] const std::optional<Outcome>& outcome() const { return outcome_; }
  [[nodiscard]] base::UniqueFd take_master() { return std::move(master_); }
  // The last message was a warning or a detail: it is to be shown, on a terminal that is in its usual mode.
  [[nodiscard]] bool has_warning() const { return !warning_.empty() || detail_; }
  void show_warning() {
    if (tell_ && detail_) tell_(*detail_);
    if (warn_ && !warning_.empty()) warn_(warning_);
    detail_.reset();
    warning_.clear();
  }
  // Whether the session is on a source that is packed when it ends; nullopt: it is on none.
  [[nodiscard]] const std::optional<bool>& source_is_packed() const { return source_is_packed_; }
  // Tells it, if the last message was one of progress.
  bool show_progress(const Ending& ending);
  // Whether the command has stopped since this was asked last.
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
  std::string progress_;  // as it came
  bool stopped_ = false;
  std::optional<bool> source_is_packed_;
};

}  // namespace unionroot::terminal
