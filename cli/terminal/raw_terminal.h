// The caller's terminal in raw mode, for as long as the object lives.
#pragma once

#include <termios.h>

namespace unionroot::terminal {

class RawTerminal {
 public:
  explicit RawTerminal(int descriptor);  // not a terminal: does nothing
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { restore(); }

  void enter();  // also again: a shell has changed the mode while this process was stopped
  void restore() noexcept;

 private:
  int descriptor_;
  bool is_terminal_ = false;
  bool raw_ = false;
  termios former_{};
};

}  // namespace unionroot::terminal
