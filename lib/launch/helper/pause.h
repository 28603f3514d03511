// Where the supervisor waits in builds for tests: its fault points (base/fault_point.h), which only delay.
#pragma once

namespace unionroot::helper {

#ifdef UNIONROOT_FAULT_POINTS
// The time that UNIONROOT_FAULT_DELAY says, which the daemon hands on; not at all without it.
void wait_a_moment();
#else
inline void wait_a_moment() {}
#endif

}  // namespace unionroot::helper
