#include "terminal/raw_terminal.h"

#include <unistd.h>

#include "base/error.h"

namespace unionroot::terminal {

RawTerminal::RawTerminal(int descriptor) : descriptor_(descriptor), is_terminal_(::isatty(descriptor) == 1) {}

// One that is not our controlling terminal has no foreground, and is anybody's who has it open.
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
  // A terminal that has hung up needs no restoring. Another job's is not ours to set: the kernel would stop us for it.
  if (raw_ && is_ours()) ::tcsetattr(descriptor_, TCSADRAIN, &former_);
  raw_ = false;
}

}  // namespace unionroot::terminal
