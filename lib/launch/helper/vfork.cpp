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
// glibc 2.36 does not export its clone3, and syscall(2) cannot be used: it would return on the child's new stack.
long clone3(clone_args* arguments, int (*function)(void*), void* argument) {
  register int (*kept_function)(void*) asm("r12") = function;
  register void* kept_argument asm("r13") = argument;
  long result = SYS_clone3;
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
      : "D"(arguments), "S"(sizeof *arguments), "r"(kept_function), "r"(kept_argument), [exit] "i"(SYS_exit_group)
      : "rcx", "r11", "memory");
  return result;
}
#else
long clone3(clone_args*, int (*)(void*), void*) { return -ENOSYS; }
#endif

}  // namespace

bool vfork_child_portable(int (*function)(void*), void* argument, Child& child) {
  child.pid = clone(function, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, argument,
                    &child.pidfd);
  return child.pid >= 0;
}

bool vfork_child(int cgroup, bool& in_cgroup, int (*function)(void*), void* argument, Child& child) {
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&child.pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uintptr_t>(child_stack);
  arguments.stack_size = sizeof child_stack;
  if (cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
    in_cgroup = true;
    const long pid = clone3(&arguments, function, argument);
    if (pid > 0) {
      child.pid = static_cast<pid_t>(pid);
      return true;
    }
  }
  in_cgroup = false;
  // Joining through cgroup.procs may work where being born there does not, and else says why not.
  return vfork_child_portable(function, argument, child);
}

}  // namespace unionroot::helper
