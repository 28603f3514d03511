// A pseudo-terminal from the session's own devpts.
#pragma once

#include "launch/helper/spec_reader.h"
#include "launch/helper/text.h"

namespace unionroot::helper {

struct Terminal {
  int master = -1;
  int slave = -1;
};

// Opens it beneath `root`, which the session's users may control: nothing but a devpts is ever opened. The slave
// belongs to the user. False, with `problem` filled in, if there is none.
bool open_terminal(int root, const Spec& spec, Terminal& terminal, Text& problem);

// Sets the window size; the kernel tells the foreground process group. False if the size makes no sense.
bool set_window_size(int terminal, unsigned rows, unsigned columns);

}  // namespace unionroot::helper
