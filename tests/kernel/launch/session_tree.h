// A small session for tests of the launcher: the machine's own root, read-only, in a mount namespace of its own with
// /proc, /dev, /dev/pts and /tmp. It is gone once the object and its processes are.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "eventually.h"
#include "launch/launcher.h"
#include "terminal/relay.h"

namespace test {

class SessionTree {
 public:
  SessionTree();
  [[nodiscard]] int descriptor() const { return namespace_.get(); }
  [[nodiscard]] int root() const { return root_.get(); }
  void write(const std::string& path, const std::string& content, mode_t mode) const;
  [[nodiscard]] std::string read(const std::string& path) const;  // "" if it is not there

 private:
  unionroot::base::UniqueFd namespace_;
  unionroot::base::UniqueFd root_;
};

// One leaf control group; killed and removed at the end.
class Cgroup {
 public:
  Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup();
  [[nodiscard]] bool available() const { return static_cast<bool>(directory_); }
  void require() const;  // skips the test case if there is none
  [[nodiscard]] int descriptor() const { return directory_.get(); }
  [[nodiscard]] std::string processes() const;  // "" if it is empty
  void kill() const;

 private:
  std::string path_;
  std::string missing_;  // why there is none
  unionroot::base::UniqueFd directory_;
};

// As a user would start it in a session's /, with a usual environment.
unionroot::launch::LaunchSpec command(std::vector<std::string> arguments);

struct Result {
  unionroot::terminal::Outcome outcome;
  std::string output;  // standard output and error
  std::string warnings;
  unionroot::kernel::ProcessEnd end;  // as the supervisor told the daemon
};

inline unionroot::kernel::ProcessEnd exited(int status) { return {unionroot::kernel::ProcessEnd::How::exited, status}; }
inline unionroot::kernel::ProcessEnd killed(int signal) { return {unionroot::kernel::ProcessEnd::How::killed, signal}; }
inline unionroot::kernel::ProcessEnd not_started(int status) {
  return {unionroot::kernel::ProcessEnd::How::not_started, status};
}

// True once the supervisor has ended, which is reaped then.
bool has_ended(const unionroot::launch::LaunchedRun& launched, int milliseconds);
// How the run ended, once its supervisor has, which is reaped then. Nothing if that takes too long.
std::optional<unionroot::kernel::ProcessEnd> ended(const unionroot::launch::LaunchedRun& launched,
                                                   int milliseconds = 60'000);

struct RunOptions {
  const Cgroup* cgroup = nullptr;
  int network = -1;
  std::string input;
};

// Runs it to its end.
Result run(const SessionTree& tree, const unionroot::launch::LaunchSpec& spec, const RunOptions& options = {});

unionroot::launch::Launcher& launcher();

// As the daemon does once the run is recorded.
unionroot::launch::LaunchedRun start(const unionroot::launch::LaunchSpec& spec,
                                     const unionroot::launch::LaunchDescriptors& descriptors);

using unionroot::tests::eventually;

// In milliseconds: how long to wait for what takes a moment on an idle machine.
constexpr int patience = 60'000;

// proc(5): the letter of a process's state, '\0' if there is none.
char state_of(pid_t pid);
// A process that has this command line, its words parted by blanks, and the terminal that it stands on.
bool in_foreground(const std::string& command);

}  // namespace test
