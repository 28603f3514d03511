// A pseudo-terminal from the session's own devpts.
#pragma once

#include <sys/types.h>

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

// Makes it the controlling terminal of this process, which leads a process session. The command is in that session too,
// in a process group of its own: so its parent is there to notice that it stops. The kernel ignores Ctrl-Z in a group
// that has no such parent, as a session leader's own (setpgid(2): orphaned).
bool take_terminal(const Terminal& terminal, Text& problem);

// Makes the command's group the one that the keyboard's signals go to, and that may read. By either end.
bool give_terminal(int terminal, pid_t command);

// Sets the window size; the kernel tells the foreground process group. False if the size makes no sense.
bool set_window_size(int terminal, unsigned rows, unsigned columns);

}  // namespace unionroot::helper
