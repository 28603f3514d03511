// A small session for tests of the launcher: the machine's own root, read-only, in a mount namespace of its own with
// /proc, /dev, /dev/pts and /tmp. It is gone once the object and its processes are.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/unique_fd.h"
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
  [[nodiscard]] int descriptor() const { return directory_.get(); }
  [[nodiscard]] std::string processes() const;  // "" if it is empty

 private:
  std::string path_;
  unionroot::base::UniqueFd directory_;
};

// As a user would start it in a session's /, with a usual environment.
unionroot::launch::LaunchSpec command(std::vector<std::string> arguments);

struct Result {
  unionroot::terminal::Outcome outcome;
  std::string output;  // standard output and error
  std::string warnings;
  int supervisor = -1;  // its exit status
};

struct RunOptions {
  const Cgroup* cgroup = nullptr;
  std::string input;
};

// Runs it to its end.
Result run(const SessionTree& tree, const unionroot::launch::LaunchSpec& spec, const RunOptions& options = {});

unionroot::launch::Launcher& launcher();

// Asks again and again, for at most ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    ::usleep(5000);
  }
  return false;
}

}  // namespace test
