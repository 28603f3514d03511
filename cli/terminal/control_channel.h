// Messages to and from a run's supervisor.
#pragma once

#include <optional>

#include "base/unique_fd.h"
#include "launch/control.h"
#include "terminal/relay.h"

namespace unionroot::terminal {

class ControlChannel {
 public:
  ControlChannel(base::UniqueFd socket, const Warn& warn) : socket_(std::move(socket)), warn_(warn) {}

  [[nodiscard]] int descriptor() const { return socket_.get(); }

  // Takes one message; blocks if there is none. False at the end of the socket.
  bool receive();

  // A supervisor that is gone is no error here: the end of the socket tells.
  void send(launch::control::Type type, std::uint32_t value);

  [[nodiscard]] const std::optional<Outcome>& outcome() const { return outcome_; }
  [[nodiscard]] base::UniqueFd take_master() { return std::move(master_); }

 private:
  void handle(const launch::control::Message& message);

  base::UniqueFd socket_;
  const Warn& warn_;
  std::optional<Outcome> outcome_;
  base::UniqueFd master_;
};

}  // namespace unionroot::terminal
