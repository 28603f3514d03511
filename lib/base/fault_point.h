// Fault points: places where a test may make the program fail, die or wait.
#pragma once

namespace unionroot::base {

// Called right before and right after every call that changes the machine. `name` is a literal such as
// "move_mount". Compiled out unless UNIONROOT_FAULT_POINTS is set (the dev and CI builds set it, the release does not).
//
// The environment, read once, says what happens; it is the environment of a root daemon, so only root sets it:
//   UNIONROOT_CRASH_AT=N   the N-th fault point (from 1) that this process passes kills it with SIGKILL
//   UNIONROOT_FAIL_AT=N    the N-th fault point throws SystemError(EIO)
//   UNIONROOT_FAULT_LOG=F  the names passed are appended to the file F, one a line
// Counting begins once arm_fault_points() was called (at the end of the daemon's start-up), or, with
// UNIONROOT_FAULT_FROM_START=1, at once.
//   UNIONROOT_FAULT_FOLDER=F  a fault point waits as long as the folder F has a file of its name; if the file says
//   "fail",
//                             it throws SystemError(EIO)
//   UNIONROOT_FAULT_DELAY=MICROSECONDS[,SEED]
// Each fault point, counted or not, waits a pseudo-random time from 0 up to that, whatever locks are held there: so
// races show that are too narrow otherwise. The daemon hands it on to the supervisors of commands, which wait at places
// of their own (launch/helper/pause.h).
#ifdef UNIONROOT_FAULT_POINTS
void fault_point(const char* name);
void arm_fault_points();
#else
inline void fault_point(const char*) {}
inline void arm_fault_points() {}
#endif

}  // namespace unionroot::base
