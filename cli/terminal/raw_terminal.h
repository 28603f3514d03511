// The caller's terminal, in raw mode from enter() to restore(), or to the object's end.
#pragma once

#include <termios.h>

namespace unionroot::terminal {

class RawTerminal {
 public:
  explicit RawTerminal(int descriptor);  // not a terminal: does nothing
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { restore(); }

  // Also again: a shell has changed the mode while this process was stopped. False, and nothing done, while the
  // terminal is another job's: this process runs in the background of its shell.
  bool enter();
  void restore() noexcept;

 private:
  [[nodiscard]] bool is_ours() const noexcept;

  int descriptor_;
  bool is_terminal_ = false;
  bool known_ = false;  // what it was before
  bool raw_ = false;
  termios former_{};
};

}  // namespace unionroot::terminal
