// A command run by `unionroot lock`: started, waited for, and sent the signals that we get.
#pragma once

#include <csignal>
#include <string>
#include <vector>

namespace unionroot::cli {

// From its construction on the signals that ask a program to end are held back, unless they are ignored, so that what
// it holds can be given back first. Before a command runs, interrupted() tells; while one runs they go to it.
class HeldSignals {
 public:
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals();

  // The first such signal that came, or 0.
  [[nodiscard]] int interrupted() const;

  // Runs the command, found along PATH, with our standard descriptors and those of `kept`; returns its exit status, or
  // 128+N. Throws Error(command_not_found) or Error(command_not_executable).
  int run(const std::vector<std::string>& command, const std::vector<int>& kept) const;

 private:
  [[nodiscard]] int wait_for(pid_t child) const;

  sigset_t held_{};
  sigset_t before_{};
};

}  // namespace unionroot::cli
