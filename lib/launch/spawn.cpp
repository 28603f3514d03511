#include "launch/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::launch {

namespace {

constexpr std::size_t child_stack_size = std::size_t{64} << 10;

// What the child needs, prepared beforehand: it shares the parent's memory and must neither allocate nor lock.
struct ChildPlan {
  int executable;
  const char* path;  // nullptr: `executable` counts
  char* const* arguments;
  char* const* environment;
  int cgroup_processes;
  bool stranger;
  const int* descriptors;
  int count;
  int error;  // written by the child if it fails
};

// The child's frames never return, so a sanitizer takes what is left of them for the next child's.
#define IN_THE_CHILD __attribute__((no_sanitize_address, no_sanitize_thread))

// In the child: the table of signal handlers is its own too (no CLONE_SIGHAND).
IN_THE_CHILD void become_stranger() {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sigaction action;
  for (int number = 1; number < NSIG; ++number) {
    // Those of SIGKILL, SIGSTOP and the C library's own cannot be changed: EINVAL.
    if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_DFL) continue;
    action.sa_handler = SIG_DFL;
    action.sa_flags = 0;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The child, between clone and exec. The calling thread of the parent stands still, its other threads run on in the
// same memory. So the child does this and nothing else, by system calls alone:
//   - duplicates the descriptors out of the way (so that source and target numbers cannot collide), close-on-exec;
//   - duplicates them to their final numbers, or closes these;
//   - joins its control group, and becomes a stranger, if it is to;
//   - executes the helper, or a program. All signals stay blocked, so no handler of the parent can run here (a
//   stranger's
//     are unblocked once none has a handler); exec resets handlers, and the helper deals with ignored signals.
// The descriptor table is the child's own (no CLONE_FILES). It never returns.
IN_THE_CHILD int child_main(void* argument) {
  auto* plan = static_cast<ChildPlan*>(argument);
  int moved[wire::first_free_descriptor];
  int executable = -1;
  // "0" is the writing process itself: kernel's cgroup-v2 manual.
  if (plan->cgroup_processes >= 0 && ::write(plan->cgroup_processes, "0", 1) != 1) goto failed;
  if (plan->path == nullptr) {
    executable = ::fcntl(plan->executable, F_DUPFD_CLOEXEC, 64);
    if (executable < 0) goto failed;
  }
  for (int i = 0; i < plan->count; ++i) {
    moved[i] = -1;
    if (plan->descriptors[i] < 0) continue;
    moved[i] = ::fcntl(plan->descriptors[i], F_DUPFD_CLOEXEC, 64);
    if (moved[i] < 0) goto failed;
  }
  for (int i = 0; i < plan->count; ++i) {
    if (moved[i] < 0)
      ::close(i);
    else if (::dup2(moved[i], i) < 0)
      goto failed;
  }
  if (plan->stranger) become_stranger();
  if (plan->path != nullptr)
    ::execve(plan->path, plan->arguments, plan->environment);
  else
    ::syscall(SYS_execveat, executable, "", plan->arguments, plan->environment, AT_EMPTY_PATH);
failed:
  plan->error = errno;
  ::_exit(127);
}

class Stack {
 public:
  Stack()
      : base_(
            ::mmap(nullptr, child_stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ == MAP_FAILED) base::throw_errno("making a stack for the helper");
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() { ::munmap(base_, child_stack_size); }
  [[nodiscard]] void* top() const { return static_cast<char*>(base_) + child_stack_size; }

 private:
  void* base_;
};

class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &former_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

 private:
  sigset_t former_{};
};

// For exec, which does not change them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Spawned spawn(const SpawnRequest& request) {
  const auto arguments = pointers_to(request.arguments);
  const auto environment = pointers_to(request.environment);
  const bool by_path = !request.path.empty();
  const std::string what = by_path ? request.path : "the helper";
  ChildPlan plan{request.executable,
                 by_path ? request.path.c_str() : nullptr,
                 arguments.data(),
                 environment.data(),
                 request.cgroup_processes,
                 request.stranger,
                 request.descriptors.data(),
                 static_cast<int>(request.descriptors.size()),
                 0};
  Stack stack;
  int pidfd = -1;
  pid_t pid = -1;
  int clone_error = 0;
  {
    const AllSignalsBlocked blocked;
    pid = ::clone(child_main, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
    clone_error = errno;
  }
  if (pid < 0)
    throw base::SystemError(clone_error, base::concat("starting ", what),
                            "the machine is short of processes or memory");
  Spawned spawned{pid, base::UniqueFd(pidfd)};
  if (plan.error != 0) {
    ::waitpid(pid, nullptr, 0);
    throw base::SystemError(plan.error, base::concat("executing ", what));
  }
  return spawned;
}

}  // namespace unionroot::launch
