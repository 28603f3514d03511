// The signals that a relaying client handles itself.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>

#include "base/unique_fd.h"

namespace unionroot::terminal {

// Blocks the signals and makes them readable. The destructor restores the former mask. An ignored signal (nohup) stays
// ignored.
class Signals {
 public:
  Signals(std::initializer_list<int> numbers);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  std::optional<int> take();  // does not block

  // Does the signal's default action: this process stops or ends. If it stops, this returns when it continues.
  void act(int number) const;
  // Stops this process and its whole process group, as Ctrl-Z on the terminal would. Returns when it continues. Returns
  // at once if nobody could continue it (an orphaned group), or if SIGTSTP is ignored.
  void stop_group() const;

 private:
  static void act_on(int number, pid_t whom);

  sigset_t former_{};
  base::UniqueFd descriptor_;
};

}  // namespace unionroot::terminal
