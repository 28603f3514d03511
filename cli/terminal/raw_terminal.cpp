#include "terminal/raw_terminal.h"

#include <unistd.h>

#include "base/error.h"

namespace unionroot::terminal {

RawTerminal::RawTerminal(int descriptor) : descriptor_(descriptor) {
  is_terminal_ = ::tcgetattr(descriptor_, &former_) == 0;
  enter();
}

void RawTerminal::enter() {
  if (!is_terminal_) return;
  termios raw = former_;
  ::cfmakeraw(&raw);
  base::check(::tcsetattr(descriptor_, TCSANOW, &raw), "putting the terminal in raw mode");
  raw_ = true;
}

void RawTerminal::restore() noexcept {
  if (!raw_) return;
  // A terminal that has hung up needs no restoring.
  ::tcsetattr(descriptor_, TCSADRAIN, &former_);
  raw_ = false;
}

}  // namespace unionroot::terminal
