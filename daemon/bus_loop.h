// sd-bus driven by an Asio io_context: all bus traffic happens on this one thread.
#pragma once

#include <sdbus-c++/IConnection.h>

#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "daemon/asio.h"

namespace unionroot::daemon {

class BusLoop {
 public:
  // lost: called once, on the bus thread, when the bus is gone. It gets sd-bus's message.
  BusLoop(asio::io_context& io, sdbus::IConnection& connection, std::function<void(const std::string&)> lost);

  // Runs the work on the bus thread, then processes the bus: the work may leave messages in sd-bus's own queues, which
  // no descriptor reports. From any thread.
  template <typename Work>
  void post(Work work) {
    asio::post(io_, [this, work = std::move(work)]() mutable {
      guarded([&work] { work(); });
      kick();
    });
  }
  // Call it after bus calls on the bus thread outside of post() and of sd-bus's dispatch.
  void kick();

  // The bus has read nearly all that was sent.
  [[nodiscard]] bool is_clear() const;

  // Logs exceptions of `work`: they must not end the loop.
  static void guarded(const std::function<void()>& work);

  [[nodiscard]] asio::io_context& io() { return io_; }
  [[nodiscard]] sdbus::IConnection& connection() { return connection_; }

 private:
  void pump();
  void watch();

  asio::io_context& io_;
  sdbus::IConnection& connection_;
  std::function<void(const std::string&)> lost_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  bool kicked_ = false;
  bool reading_ = false, writing_ = false;
  bool dead_ = false;
};

}  // namespace unionroot::daemon
