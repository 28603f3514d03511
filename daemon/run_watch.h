// Notices when a run's supervisor ends, and reaps it.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "daemon/asio.h"

namespace unionroot::daemon {

class RunWatch {
 public:
  // ended: called on the loop's thread with the run and the user that it is accounted to.
  RunWatch(asio::io_context& io, std::function<void(const std::string& run, uid_t uid)> ended)
      : io_(io), ended_(std::move(ended)) {}

  // Loop's thread only. pidfd: of the supervisor, a child of this daemon or of one before it.
  void add(const std::string& run, base::UniqueFd pidfd, uid_t uid);

 private:
  asio::io_context& io_;
  std::function<void(const std::string&, uid_t)> ended_;
  std::unordered_map<std::string, asio::posix::stream_descriptor> watched_;
};

}  // namespace unionroot::daemon
