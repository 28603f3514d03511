// Runs the command of `unionroot lock`: starts it, waits for it, and passes signals to it.
#pragma once

#include <csignal>
#include <string>
#include <vector>

namespace unionroot::cli {

// Blocks the signals that are passed to a command, unless they are ignored, so that locks can be released first.
// interrupted() reports them while no command runs; run() passes them on.
class HeldSignals {
 public:
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals();

  // A pending signal that asks to end (SIGINT, SIGTERM, SIGHUP or SIGQUIT), or 0.
  [[nodiscard]] int interrupted() const;

  // Runs the command, searched in PATH, with our standard descriptors and those of `kept`. Returns its exit status, or
  // 128+N for signal N. Throws Error(command_not_found) or Error(command_not_executable).
  int run(const std::vector<std::string>& command, const std::vector<int>& kept) const;

 private:
  [[nodiscard]] int wait_for(pid_t child) const;

  sigset_t held_{};
  sigset_t before_{};
};

}  // namespace unionroot::cli
