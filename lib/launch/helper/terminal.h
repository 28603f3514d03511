// A pseudo-terminal from the session's devpts, or from the host's.
#pragma once

#include <sys/types.h>

#include "launch/helper/spec_reader.h"
#include "launch/helper/text.h"

namespace unionroot::helper {

struct Terminal {
  int master = -1;
  int slave = -1;
};

// Opens it beneath `root`, which the session's users may control. So it opens only a devpts. The user owns the slave.
// False, with `problem` set, if it fails.
bool open_terminal(int root, const Spec& spec, Terminal& terminal, Text& problem);

// Makes it the controlling terminal of this process, which leads a process session. The command is in that session, in
// its own process group. So its parent can notice that it stops. In an orphaned group, such as a session leader's own,
// the kernel ignores Ctrl-Z (setpgid(2)).
bool take_terminal(const Terminal& terminal, Text& problem);

// Makes the command's group the foreground group, which gets the keyboard's signals and may read. Works with either
// end.
bool give_terminal(int terminal, pid_t command);

// Sets the window size. The kernel signals the foreground process group. False if the size is invalid.
bool set_window_size(int terminal, unsigned rows, unsigned columns);

}  // namespace unionroot::helper
