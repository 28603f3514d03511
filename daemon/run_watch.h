// Notices when a run's supervisor ends, and reaps it.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "daemon/asio.h"
#include "session/requests.h"

namespace unionroot::daemon {

class RunWatch {
 public:
  // ended: called on the loop's thread with what add() was given.
  using Ended = std::function<void(const session::StartedRun& run)>;
  RunWatch(asio::io_context& io, Ended ended) : io_(io), ended_(std::move(ended)) {}

  // Loop's thread only. pidfd: of the supervisor, a child of this daemon or of one before it.
  void add(session::StartedRun run, base::UniqueFd pidfd);

 private:
  asio::io_context& io_;
  Ended ended_;
  std::unordered_map<std::string, asio::posix::stream_descriptor> watched_;
};

}  // namespace unionroot::daemon
