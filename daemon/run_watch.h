// Notices when a run's command ends and leaves processes, and when its supervisor ends. Reaps the supervisor.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "daemon/asio.h"
#include "launch/launcher.h"
#include "session/requests.h"

namespace unionroot::daemon {

class RunWatch {
 public:
  // ended: called on the loop's thread with the run from add(), without its descriptors. Called twice if the command
  // has left processes.
  using Ended = std::function<void(const session::StartedRun& run, const launch::RunEnd& end)>;
  RunWatch(asio::io_context& io, Ended ended) : io_(io), ended_(std::move(ended)) {}

  // Loop's thread only. pidfd: of the supervisor, a child of this daemon or of one before it. end: for
  // launch::read_end; may be empty.
  void add(session::StartedRun run, base::UniqueFd pidfd, base::UniqueFd end);

 private:
  using Descriptor = asio::posix::stream_descriptor;
  struct Watched {
    session::StartedRun run;
    Descriptor supervisor;
    std::optional<Descriptor> end;
    launch::RunEnd told = {};  // reported by the supervisor
  };
  void command_ended(const std::string& id);
  void supervisor_ended(const std::string& id);

  asio::io_context& io_;
  Ended ended_;
  std::unordered_map<std::string, Watched> watched_;
};

}  // namespace unionroot::daemon
