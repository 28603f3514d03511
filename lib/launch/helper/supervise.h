// Watches one command until it ends.
#pragma once

#include "launch/helper/child.h"
#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// Obeys the client, ends the command when the client goes away, and reports how it ended. master: the terminal's, or
// -1.
void supervise(const Spec& spec, const Child& child, int master);

// Orphans of the run become children of this process, so that they can be found and killed wherever they are.
void adopt_orphans();

}  // namespace unionroot::helper
