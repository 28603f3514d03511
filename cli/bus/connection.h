// A connection to the bus that makes a call and waits for its answer.
//
// We do not use sdbus-c++ here, because it starts slowly: on the machine where it was measured an empty program takes
// 0.55 ms, with libsystemd 1.04 ms, with sdbus-c++ 1.58 ms. Most of that is the dynamic linker's work on seven
// libraries. The aim for a whole `unionroot run NAME -- true` is 3 ms. This class also needs fewer round trips:
// authentication, Hello and the call are sent without waiting for each answer. It can only call methods over a unix
// socket, and receive the signals that are sent to it alone. The daemon uses sdbus-c++.
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

// An error that was the answer to a call. name: "org.freedesktop.DBus.Error.ServiceUnknown".
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
  std::string sender = {};                  // its name on the bus
};

class Connection {
 public:
  // Connects and authenticates (EXTERNAL: with the uid, or else as the socket says). Throws Error; it names the address
  // and says what to do.
  explicit Connection(const std::string& address);

  // Called about every `waiting_interval` milliseconds while waiting for an answer.
  static constexpr int waiting_interval = 200;
  using Waiting = std::function<void()>;
  // Called for each signal that comes while waiting. We asked for no signals, so only those that are addressed to us
  // come.
  using Signalled = std::function<void(const Message&)>;

  // How long the bus itself may take to answer, in seconds. A service that the bus starts or calls may take longer.
  static constexpr int greeting_limit = 10;

  // How long to repeat a call for which the bus has no room, in seconds.
  static constexpr int room_limit = 30;

  // Makes the call and waits without a limit: the broker reports it if the callee is gone. `descriptors` are sent too;
  // the caller keeps them. Throws RemoteError, or Error if the connection breaks.
  Answer call(const Call& call, const std::vector<int>& descriptors = {}, const Waiting& waiting = {},
              const Signalled& signalled = {});

  // Waits for `waiting_interval` at most, and tells what has come. Throws Error when the connection breaks.
  void wait_for_signal(const Signalled& signalled);

 private:
  Answer call_once(Call call, const std::vector<int>& descriptors, const Waiting& waiting, const Signalled& signalled);
  void send(std::string_view bytes, const std::vector<int>& descriptors);
  void receive(const Waiting& waiting);
  void wait_until_readable(const Waiting& waiting);
  enum class Identity { uid, none };
  [[noreturn]] void closed() const;      // the bus closed the connection
  bool authenticate(Identity identity);  // false: the bus refuses
  [[nodiscard]] std::vector<base::UniqueFd> take_descriptors(std::size_t count);

  base::UniqueFd socket_;
  std::string buffer_;
  std::vector<base::UniqueFd> received_;
  std::uint32_t serial_ = 1;  // 1 is the serial of Hello
  bool greeted_ = false;      // Hello was answered
  std::chrono::steady_clock::time_point opened_ = std::chrono::steady_clock::now();
};

}  // namespace unionroot::cli::bus
