// Watches one command until it ends.
#pragma once

#include "launch/helper/child.h"
#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// Follows the client's messages, ends the command when the client goes away, and reports how it ended. master: of the
// terminal, or -1.
void supervise(const Spec& spec, const Child& child, int master);

// Makes this process the parent of the run's orphans, so that it can find and kill them all.
void adopt_orphans();

}  // namespace unionroot::helper
