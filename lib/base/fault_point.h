// Fault points: places where a test can make the program fail, die or wait.
#pragma once

namespace unionroot::base {

// Called directly before and after each call that changes the machine. `name` is a literal such as "move_mount". Fault
// points are compiled only with UNIONROOT_FAULT_POINTS: the dev and CI builds set it, the release does not.
//
// Environment variables, read once, control what happens. Only root can set the environment of a root daemon.
//   UNIONROOT_CRASH_AT=N       the N-th fault point (from 1) that this process passes kills it with SIGKILL
//   UNIONROOT_FAIL_AT=N        the N-th fault point throws SystemError(EIO)
//   UNIONROOT_FAULT_LOG=F      each fault point appends its number and name to the file F, one per line
//   UNIONROOT_FAULT_FOLDER=F   a fault point waits while the folder F has a file of its name; if the file begins with
//                              "fail", the fault point throws SystemError(EIO)
// These four take effect after arm_fault_points(), at the end of the daemon's start-up, or from the start if
// UNIONROOT_FAULT_FROM_START is set.
//   UNIONROOT_FAULT_DELAY=MICROSECONDS[,SEED]
// Each fault point, armed or not, waits a pseudo-random time from 0 up to that limit, even while locks are held. This
// exposes races that are too narrow otherwise. The daemon passes the variable to the supervisors of commands, which
// wait at their own places (launch/helper/pause.h).
#ifdef UNIONROOT_FAULT_POINTS
void fault_point(const char* name);
void arm_fault_points();
#else
inline void fault_point(const char*) {}
inline void arm_fault_points() {}
#endif

}  // namespace unionroot::base
