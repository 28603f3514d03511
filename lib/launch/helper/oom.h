// Whether a command was killed because its control group has no more memory.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// How many processes the kernel has killed for that in the nearest group that counts them: of version 2 the command's
// own or one above it, of version 1 those that it joined.
long long killed_for_memory(const Spec& spec);

}  // namespace unionroot::helper
