#include "launch/helper/vfork.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace unionroot::helper {

namespace {

alignas(64) char child_stack[std::size_t{256} << 10];

#if defined(__x86_64__)
// clone or clone3 with a stack of its own for the child. glibc 2.36 does not export its clone3, and syscall(2) cannot
// be used: it would return on the new stack. Returns a pid, or a negative errno value.
long clone_onto_stack(long number, long first, long second, int* third, int (*function)(void*), void* argument) {
  register int (*kept_function)(void*) asm("r12") = function;
  register void* kept_argument asm("r13") = argument;
  long result = number;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %%r13, %%rdi\n\t"
      "callq *%%r12\n\t"
      "movl %%eax, %%edi\n\t"
      "movl %[exit], %%eax\n\t"
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(first), "S"(second), "d"(third), "r"(kept_function), "r"(kept_argument), [exit] "i"(SYS_exit_group)
      : "rcx", "r11", "memory");
  return result;
}

long clone_into_cgroup(clone_args& arguments, int (*function)(void*), void* argument) {
  return clone_onto_stack(SYS_clone3, reinterpret_cast<long>(&arguments), sizeof arguments, nullptr, function,
                          argument);
}

bool clone_plainly(int (*function)(void*), void* argument, Child& child) {
  const long pid =
      clone_onto_stack(SYS_clone, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                       reinterpret_cast<long>(child_stack + sizeof child_stack), &child.pidfd, function, argument);
  if (pid < 0) errno = static_cast<int>(-pid);
  child.pid = pid > 0 ? static_cast<pid_t>(pid) : -1;
  return pid > 0;
}
#else
long clone_into_cgroup(clone_args&, int (*)(void*), void*) { return -ENOSYS; }

bool clone_plainly(int (*function)(void*), void* argument, Child& child) {
  child.pid = clone(function, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                    argument, &child.pidfd);
  return child.pid > 0;
}
#endif

}  // namespace

bool vfork_child(int cgroup, bool& in_cgroup, int (*function)(void*), void* argument, Child& child) {
  if (cgroup >= 0) {
    clone_args arguments{};
    arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_INTO_CGROUP;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(&child.pidfd);
    arguments.exit_signal = SIGCHLD;
    arguments.stack = reinterpret_cast<std::uintptr_t>(child_stack);
    arguments.stack_size = sizeof child_stack;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
    in_cgroup = true;
    const long pid = clone_into_cgroup(arguments, function, argument);
    if (pid > 0) {
      child.pid = static_cast<pid_t>(pid);
      return true;
    }
  }
  in_cgroup = false;
  // Joining through cgroup.procs may work where being born there does not, and else says why not.
  return clone_plainly(function, argument, child);
}

}  // namespace unionroot::helper
