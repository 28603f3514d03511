// A connection to the bus that makes a call and waits for its answer.
//
// Our own, and not sdbus-c++, for the sake of start-up: on the machine where it was measured an empty program takes
// 0.55 ms, with libsystemd 1.04 ms, with sdbus-c++ 1.58 ms, most of it the dynamic linker's work on seven libraries,
// out of 3 ms aimed at for a whole `unionroot run NAME -- true`. It also takes fewer round trips: authentication,
// Hello and the call follow one another without waiting for each answer. All it does is method calls over a unix
// socket, and to hear the signals that come to it alone; the daemon uses sdbus-c++.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cli/bus/message.h"

namespace unionroot::cli::bus {

// An error that came as the answer to a call: "org.freedesktop.DBus.Error.ServiceUnknown".
class RemoteError : public base::Error {
 public:
  RemoteError(std::string name, const std::string& message)
      : base::Error(base::ErrorCode::failed, message), name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

struct Answer {
  nlohmann::json values;                    // an array
  std::vector<base::UniqueFd> descriptors;  // close-on-exec
};

class Connection {
 public:
  // Connects and authenticates (EXTERNAL: by uid, else by the socket). Throws Error naming the address and what to do.
  explicit Connection(const std::string& address);

  // Asked to be called about every `waiting_interval` milliseconds while an answer is awaited.
  static constexpr int waiting_interval = 200;
  using Waiting = std::function<void()>;
  // Told of each signal that comes meanwhile: those that are addressed to us, since no others were asked for.
  using Signalled = std::function<void(const Message&)>;

  // How long the bus itself may take to answer, in seconds. What it starts, or hands on, may take longer.
  static constexpr int greeting_limit = 10;

  // How long a call is made again that the bus has no room for, in seconds.
  static constexpr int room_limit = 30;

  // Makes the call and waits, without a limit: the broker says so when the callee has gone. `descriptors` go along,
  // and stay the caller's. Throws RemoteError, or Error when the connection breaks.
  Answer call(const Call& call, const std::vector<int>& descriptors = {}, const Waiting& waiting = {},
              const Signalled& signalled = {});

 private:
  Answer call_once(Call call, const std::vector<int>& descriptors, const Waiting& waiting, const Signalled& signalled);
  void send(std::string_view bytes, const std::vector<int>& descriptors);
  void receive(const Waiting& waiting);
  void wait_until_readable(const Waiting& waiting);
  enum class Identity { uid, none };
  [[noreturn]] void closed() const;      // by the bus
  bool authenticate(Identity identity);  // false: the bus refuses
  [[nodiscard]] std::vector<base::UniqueFd> take_descriptors(std::size_t count);

  base::UniqueFd socket_;
  std::string buffer_;
  std::vector<base::UniqueFd> received_;
  std::uint32_t serial_ = 1;  // 1 is Hello's
  bool greeted_ = false;      // Hello was answered
  std::chrono::steady_clock::time_point opened_ = std::chrono::steady_clock::now();
};

}  // namespace unionroot::cli::bus
