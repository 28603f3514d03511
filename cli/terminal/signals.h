// The signals that a relaying client takes care of itself.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>

#include "base/unique_fd.h"

namespace unionroot::terminal {

// Blocks the signals and makes them readable; restores the former mask at the end. One that is ignored (nohup) stays
// ignored.
class Signals {
 public:
  Signals(std::initializer_list<int> numbers);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  std::optional<int> take();  // does not block

  // Does what the signal would have done by default: this process stops or ends. Returns if it was stopped and goes
  // on now.
  void act(int number) const;
  // Stops this process and all of its process group, as Ctrl-Z on their terminal would. Returns when it goes on; at
  // once if nobody could make it go on (an orphaned group), or if the signal is ignored.
  void stop_group() const;

 private:
  static void act_on(int number, pid_t whom);

  sigset_t former_{};
  base::UniqueFd descriptor_;
};

}  // namespace unionroot::terminal
