// Tells whether a command was killed because its control group had no memory left.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// The number of processes that the kernel killed for this in the nearest group that counts them. In version 2 this is
// the command's own group or one above it, in version 1 those that it joined.
long long killed_for_memory(const Spec& spec);

}  // namespace unionroot::helper
