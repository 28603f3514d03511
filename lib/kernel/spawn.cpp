#include "kernel/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::kernel {

namespace {

constexpr std::size_t child_stack_size = std::size_t{64} << 10;

// The limit of open files before this process raised its own; empty if it did not.
std::optional<rlimit> former_limit;

// What the child needs, prepared in advance: it shares the parent's memory and must neither allocate nor lock.
struct ChildPlan {
  int executable;
  const char* path;  // nullptr: `executable` is used
  char* const* arguments;
  char* const* environment;
  const int* descriptors;
  int* moved;  // room for `count` numbers
  int count;
  int cgroup_processes;
  const rlimit* open_files;  // nullptr: unchanged
  bool signals_blocked;
  bool dies_with_thread;
  int error;  // set by the child if it fails
};

// The child's functions never return, so a sanitizer would find the remains of their frames in the next child.
#define IN_THE_CHILD __attribute__((no_sanitize_address, no_sanitize_thread))

// The kernel's own signal set and action, by system calls: the C library hides the signals that it uses itself, and
// their actions outlive an exec too.
constexpr std::size_t signal_set_size = sizeof(std::uint64_t);
constexpr std::uint64_t all_signals = ~std::uint64_t{0};
constexpr std::uint64_t no_signals = 0;
constexpr int last_signal = 64;
constexpr std::uint64_t default_action[4] = {};  // SIG_DFL, no flags, an empty mask

// The table of signal handlers is the child's own (no CLONE_SIGHAND).
IN_THE_CHILD void default_signals() {
  for (int number = 1; number <= last_signal; ++number)  // EINVAL for SIGKILL and SIGSTOP
    ::syscall(SYS_rt_sigaction, number, default_action, nullptr, signal_set_size);
}

// The descriptors are first duplicated to high numbers, so that source and target numbers cannot collide, then to their
// target numbers. The exec closes all others. They are not closed here, because closing may block on FUSE, and the
// parent waits for the exec.
IN_THE_CHILD bool arrange_descriptors(const ChildPlan& plan) {
  for (int i = 0; i < plan.count; ++i) {
    plan.moved[i] = -1;
    if (plan.descriptors[i] < 0) continue;
    plan.moved[i] = ::fcntl(plan.descriptors[i], F_DUPFD_CLOEXEC, plan.count);
    if (plan.moved[i] < 0) return false;
  }
  for (int i = 0; i < plan.count; ++i) {
    if (plan.moved[i] < 0)
      ::fcntl(i, F_SETFD, FD_CLOEXEC);
    else if (::dup2(plan.moved[i], i) < 0)
      return false;
  }
  return ::syscall(SYS_close_range, plan.count, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

// The child, between clone and exec. The calling thread of the parent waits; its other threads run on in the same
// memory. So the child only makes system calls. All signals are blocked until none has a handler, because no handler of
// the parent may run here. Descriptors, working directory, umask and signal actions are the child's own (no
// CLONE_FILES, CLONE_FS, CLONE_SIGHAND). Never returns.
IN_THE_CHILD int child_main(void* argument) {
  auto& plan = *static_cast<ChildPlan*>(argument);
  int executable = -1;
  // "0" means the writing process: the kernel's cgroup-v2 manual.
  bool good = plan.cgroup_processes < 0 || ::write(plan.cgroup_processes, "0", 1) == 1;
  if (good && plan.path == nullptr) {
    executable = ::fcntl(plan.executable, F_DUPFD_CLOEXEC, plan.count);
    good = executable >= 0;
  }
  ::setsid();
  ::umask(022);
  good = good && ::chdir("/") == 0 && arrange_descriptors(plan);
  good = good && (!plan.dies_with_thread || ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
  good = good && (plan.open_files == nullptr || ::setrlimit(RLIMIT_NOFILE, plan.open_files) == 0);
  if (good) {
    default_signals();
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, plan.signals_blocked ? &all_signals : &no_signals, nullptr,
              signal_set_size);
    if (plan.path != nullptr)
      ::execve(plan.path, plan.arguments, plan.environment);
    else
      ::syscall(SYS_execveat, executable, "", plan.arguments, plan.environment, AT_EMPTY_PATH);
  }
  plan.error = errno;
  ::_exit(127);
}

class Stack {
 public:
  Stack()
      : base_(
            ::mmap(nullptr, child_stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ == MAP_FAILED) base::throw_errno("making a stack for a program");
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

// For exec, which does not change the strings.
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
  std::vector<int> moved(request.descriptors.size());
  const auto& name = request.path.empty() && !request.arguments.empty() ? request.arguments.front() : request.path;
  ChildPlan plan{};
  plan.executable = request.executable;
  plan.path = request.path.empty() ? nullptr : request.path.c_str();
  plan.arguments = arguments.data();
  plan.environment = environment.data();
  plan.descriptors = request.descriptors.data();
  plan.moved = moved.data();
  plan.count = static_cast<int>(request.descriptors.size());
  plan.cgroup_processes = request.cgroup_processes;
  plan.open_files = former_limit ? &*former_limit : nullptr;
  plan.signals_blocked = request.signals_blocked;
  plan.dies_with_thread = request.dies_with_thread;
  const Stack stack;
  int pidfd = -1;
  pid_t pid = -1;
  int clone_error = 0;
  {
    const AllSignalsBlocked blocked;
    pid = ::clone(child_main, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
    clone_error = errno;
  }
  if (pid < 0)
    throw base::SystemError(clone_error, base::concat("starting ", base::printable(name)),
                            "the machine is short of processes or memory");
  Spawned spawned{pid, base::UniqueFd(pidfd)};
  if (plan.error != 0) {
    ::waitpid(pid, nullptr, 0);
    throw base::SystemError(plan.error, base::concat("executing ", base::printable(name)));
  }
  return spawned;
}

void raise_open_files_limit() {
  rlimit limit{};
  base::check(::getrlimit(RLIMIT_NOFILE, &limit), "reading the limit of open files");
  const rlimit former = limit;
  limit.rlim_cur = limit.rlim_max;
  base::check(::setrlimit(RLIMIT_NOFILE, &limit), "raising the limit of open files");
  if (!former_limit) former_limit = former;
}

}  // namespace unionroot::kernel
