// Pauses of the supervisor in builds for tests. They are its fault points (base/fault_point.h), which only delay.
#pragma once

namespace unionroot::helper {

#ifdef UNIONROOT_FAULT_POINTS
// Waits for the time in UNIONROOT_FAULT_DELAY, which the daemon passes on. Without it, does not wait.
void wait_a_moment();
#else
inline void wait_a_moment() {}
#endif

}  // namespace unionroot::helper
