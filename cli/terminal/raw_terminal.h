// The caller's terminal. It is in raw mode from enter() until restore() or the destructor.
#pragma once

#include <termios.h>

namespace unionroot::terminal {

class RawTerminal {
 public:
  explicit RawTerminal(int descriptor);  // if it is no terminal, the object does nothing
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { restore(); }

  // May be called again: a shell changes the mode while this process is stopped. Returns false and changes nothing if
  // this process is in the background of its shell. Throws SystemError.
  bool enter();
  void restore() noexcept;

 private:
  [[nodiscard]] bool is_ours() const noexcept;

  int descriptor_;
  bool is_terminal_ = false;
  bool known_ = false;  // former_ has the mode from before
  bool raw_ = false;
  termios former_{};
};

}  // namespace unionroot::terminal
