#include "terminal/raw_terminal.h"

#include <unistd.h>

#include "base/error.h"

namespace unionroot::terminal {

RawTerminal::RawTerminal(int descriptor) : descriptor_(descriptor), is_terminal_(::isatty(descriptor) == 1) {}

// A terminal that is not our controlling terminal has no foreground job. Every process that has it open may use it.
bool RawTerminal::is_ours() const noexcept {
  const pid_t foreground = ::tcgetpgrp(descriptor_);
  return foreground < 0 || foreground == ::getpgrp();
}

bool RawTerminal::enter() {
  if (!is_terminal_) return true;
  raw_ = false;
  if (!is_ours()) return false;
  if (!known_) known_ = ::tcgetattr(descriptor_, &former_) == 0;
  if (!known_) return true;  // it has hung up
  termios raw = former_;
  ::cfmakeraw(&raw);
  base::check(::tcsetattr(descriptor_, TCSANOW, &raw), "putting the terminal in raw mode");
  raw_ = true;
  return true;
}

void RawTerminal::restore() noexcept {
  // A terminal that has hung up need not be restored. A terminal of another job must not be changed: the kernel would
  // stop this process.
  if (raw_ && is_ours()) ::tcsetattr(descriptor_, TCSADRAIN, &former_);
  raw_ = false;
}

}  // namespace unionroot::terminal
