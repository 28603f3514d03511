#include "launch/helper/child.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace unionroot::helper {

namespace {

alignas(64) char child_stack[size_t{256} << 10];

}  // namespace

bool fork_child(int cgroup, bool& in_cgroup, int (*function)(void*), void* argument, Child& child) {
  if (cgroup >= 0) {
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD | CLONE_INTO_CGROUP;
    arguments.pidfd = reinterpret_cast<uintptr_t>(&child.pidfd);
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<uint64_t>(cgroup);
    in_cgroup = true;
    const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) _exit(function(argument));
    if (pid > 0) {
      child.pid = static_cast<pid_t>(pid);
      return true;
    }
    if (errno == EAGAIN) return false;
  }
  in_cgroup = false;
  // Joining through cgroup.procs may work if CLONE_INTO_CGROUP does not. Otherwise it gives the error.
  child.pid = clone(function, child_stack + sizeof child_stack, CLONE_PIDFD | SIGCHLD, argument, &child.pidfd);
  return child.pid > 0;
}

}  // namespace unionroot::helper
