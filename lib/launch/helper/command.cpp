#include "launch/helper/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/helper/execute.h"
#include "launch/helper/messages.h"
#include "launch/helper/pause.h"
#include "launch/helper/start.h"
#include "launch/helper/world.h"

namespace unionroot::helper {

namespace {

namespace wire = launch::wire;
using launch::control::Type;

struct Plan {
  const Spec* spec;
  const Terminal* terminal;
  StartChannel channel;
  pid_t supervisor;
  bool in_cgroup;
  Failure* failure;  // in memory shared by child and parent
};

bool private_host_name(const char* name) { return unshare(CLONE_NEWUTS) == 0 && sethostname(name, strlen(name)) == 0; }

bool set_limit(const wire::Limit& wanted) {
  struct {
    uint64_t soft, hard;
  } limit{wanted.soft, wanted.hard}, own{};
  if (syscall(SYS_prlimit64, 0, wanted.resource, &limit, nullptr) == 0) return true;
  if (errno != EPERM) return false;
  // A daemon without CAP_SYS_RESOURCE (in a container) cannot raise a hard limit. Then its own limit applies.
  if (syscall(SYS_prlimit64, 0, wanted.resource, nullptr, &own) != 0) return false;
  if (limit.hard > own.hard) limit.hard = own.hard;
  if (limit.soft > limit.hard) limit.soft = limit.hard;
  return syscall(SYS_prlimit64, 0, wanted.resource, &limit, nullptr) == 0;
}

bool set_limits(const Spec& spec) {
  for (uint32_t i = 0; i < spec.header->limits; ++i)
    if (!set_limit(spec.limits[i])) return false;
  return true;
}

// Uses system calls, because the C library's functions change all threads of a process.
bool become_user(const Spec& spec, Failure& failure) {
  const wire::Header& header = *spec.header;
  failure.step = Step::groups;
  if (syscall(SYS_setgroups, header.groups, spec.groups) != 0) return false;
  failure.step = Step::gid;
  if (syscall(SYS_setresgid, header.gid, header.gid, header.gid) != 0) return false;
  failure.step = Step::uid;
  if (syscall(SYS_setresuid, header.uid, header.uid, header.uid) != 0) return false;
  if (header.uid == 0) return true;
  // A change from uid 0 to another clears the permitted, effective and ambient sets, but not the inheritable one
  // (capabilities(7)).
  failure.step = Step::capabilities;
  __user_cap_header_struct version{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &version, none) == 0;
}

// One folder of spec.place: the number of path components that lead to it, and its identity. next_place reads one and
// moves on to the next.
struct Place {
  unsigned long parts, major, minor;
  unsigned long long inode;
};
bool next_place(const char*& text, Place& place) {
  if (*text == '\0') return false;
  char* end = nullptr;
  place.parts = strtoul(text, &end, 10);
  place.major = strtoul(end + (*end == ':'), &end, 10);
  place.minor = strtoul(end + (*end == ':'), &end, 10);
  place.inode = strtoull(end + (*end == ':'), &end, 10);
  text = end + (*end == ',');
  return true;
}

// True if the first `parts` components of the path lead to that folder here.
bool is_at(const char* path, const Place& place) {
  char part[PATH_MAX];
  const char* end = path;
  for (unsigned long i = 0; i < place.parts && *end != '\0'; ++i) {
    while (*end == '/') ++end;
    while (*end != '\0' && *end != '/') ++end;
  }
  const auto length = static_cast<size_t>(end - path);
  if (length >= sizeof part) return false;
  memcpy(part, path, length);
  part[length] = '\0';
  struct stat status {};
  return stat(part, &status) == 0 && major(status.st_dev) == place.major && minor(status.st_dev) == place.minor &&
         status.st_ino == place.inode;
}

// True if the session shares a folder on the way to the caller's directory with the host but has something else at its
// end. Then the session lacks a mount of the host, and files written there would be hidden beneath it.
bool is_hidden_by_a_mount(const char* path, const char* text) {
  bool shared = false;
  Place place{};
  while (next_place(text, place)) {
    const bool same = is_at(path, place);
    if (*text == '\0') return shared && !same;
    shared = shared || same;
  }
  return false;
}

// Runs as the user, so that the user's permissions apply.
bool enter_directory(const Spec& spec, Failure& failure) {
  failure.step = Step::directory;
  int first_error = ENOENT;
  for (uint32_t i = 0; i < spec.header->directories; ++i) {
    const bool hidden = i == 0 && is_hidden_by_a_mount(spec.directories[i], spec.place);
    if (hidden) {
      errno = 0;
    } else if (chdir(spec.directories[i]) == 0) {
      failure.directory = spec.directories[i];
      failure.fell_back = i > 0;
      return true;
    }
    if (i == 0) first_error = errno;
    if (i < most_directories) failure.directory_errors[i] = errno;
    failure.directories_tried = i + 1;
  }
  failure.directory = spec.header->directories > 0 ? spec.directories[0] : "";
  failure.root_is_closed = first_error == EACCES && access("/", X_OK) != 0;
  errno = first_error;
  return false;
}

// Receives the caller's streams as descriptors 0 to 2: the lowest free numbers are used first (unix(7), SCM_RIGHTS).
bool take_streams() {
  constexpr int streams = 3;
  for (int number = 0; number < streams; ++number) close(number);  // /dev/null
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char buffer[CMSG_SPACE(streams * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = buffer;
  header.msg_controllen = sizeof buffer;
  if (recvmsg(wire::streams_descriptor, &header, MSG_DONTWAIT) < 0) return false;
  const cmsghdr* const attached = CMSG_FIRSTHDR(&header);
  errno = EBADF;
  return attached != nullptr && attached->cmsg_type == SCM_RIGHTS &&
         attached->cmsg_len == CMSG_LEN(streams * sizeof(int));
}

// The kernel kills the command if its supervisor is killed, unless the command's credentials have changed meanwhile
// (prctl(2), PR_SET_PDEATHSIG). Call this after the change to the user, which clears the setting.
bool die_with(pid_t supervisor) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  errno = ESRCH;  // the supervisor was killed before
  return syscall(SYS_getppid) == supervisor;
}

bool use_terminal(int slave) {
  const auto self = static_cast<pid_t>(syscall(SYS_getpid));
  return give_terminal(slave, self) && dup2(slave, 0) == 0 && dup2(slave, 1) == 1 && dup2(slave, 2) == 2;
}

// The supervisor blocks all signals, including those of the C library, which sigprocmask(3) ignores.
void unblock_signals() {
  const uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

bool prepare(const Plan& plan, Failure& failure) {
  const Spec& spec = *plan.spec;
  const bool on_terminal = spec.has(wire::terminal);
  close(plan.channel.supervisor);
  failure.step = Step::streams;
  if (!on_terminal && !take_streams()) return false;
  failure.step = Step::cgroup;
  if (spec.has(wire::has_cgroup) && !plan.in_cgroup && !join_group(wire::cgroup_descriptor)) return false;
  failure.step = Step::joined_groups;
  if (!join_groups(spec, failure.group)) return false;
  failure.step = Step::scheduling;
  if (spec.scheduling != nullptr && !take_scheduling(*spec.scheduling)) return false;
  failure.step = Step::mount_namespace;
  if (setns(wire::namespace_descriptor, CLONE_NEWNS) != 0) return false;
  failure.step = Step::network;
  if (spec.has(wire::has_network) && setns(wire::network_descriptor, CLONE_NEWNET) != 0) return false;
  failure.step = Step::host_name;
  if (spec.host_name[0] != '\0' && !private_host_name(spec.host_name)) return false;
  failure.step = Step::session;
  if ((on_terminal ? setpgid(0, 0) : setsid()) < 0) return false;
  failure.step = Step::terminal;
  if (on_terminal && !use_terminal(plan.terminal->slave)) return false;
  umask(spec.header->umask);
  failure.step = Step::personality;
  if (spec.header->personality != wire::keep_personality && personality(spec.header->personality) < 0) return false;
  failure.step = Step::limits;
  if (!set_limits(spec)) return false;
  if (!become_user(spec, failure)) return false;
  failure.step = Step::no_new_privileges;
  if (spec.has(wire::no_new_privileges) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (!enter_directory(spec, failure)) return false;
  failure.step = Step::parent;
  if (!die_with(plan.supervisor)) return false;
  // This comes late, because the daemon records the run meanwhile.
  failure.step = Step::go;
  if (!wait_for_word(plan.channel)) return false;
  wait_a_moment();
  // The exec closes the rest. The supervisor sees the end of the channel.
  failure.step = Step::descriptors;
  return syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

// Runs in the child. The supervisor reads plan->failure once the channel is at its end.
int child_main(void* argument) {
  auto* const plan = static_cast<Plan*>(argument);
  Failure& failure = *plan->failure;
  if (prepare(*plan, failure)) {
    unblock_signals();
    failure.step = Step::none;
    const int error = execute(*plan->spec, failure.found);
    failure.step = Step::execute;
    errno = error;
  }
  failure.error_number = errno;
  return 127;
}

const char* what_failed(Step step) {
  switch (step) {
    case Step::streams: return "taking the caller's input and output";
    case Step::cgroup: return "joining the run's control group";
    case Step::joined_groups: return "joining its caller's control group";
    case Step::scheduling: return "taking its caller's priorities";
    case Step::mount_namespace: return "entering the session's mount namespace";
    case Step::network: return "entering its network";
    case Step::host_name: return "giving it a host name of its own";
    case Step::session: return "making a process session";
    case Step::terminal: return "taking the terminal";
    case Step::personality: return "setting the personality";
    case Step::limits: return "setting the resource limits";
    case Step::groups: return "setting the user's groups";
    case Step::gid: return "becoming the user's group";
    case Step::uid: return "becoming the user";
    case Step::capabilities: return "giving up capabilities";
    case Step::parent: return "being its supervisor's child";
    case Step::no_new_privileges: return "giving up new privileges";
    case Step::go: return "waiting for the daemon to record the run";
    case Step::descriptors: return "closing descriptors";
    case Step::none:
    case Step::directory:
    case Step::execute: break;
  }
  return "starting it";
}

// A program for another machine needs an interpreter of binfmt_misc on the host.
void describe_foreign(const Found& found, Text& problem) {
  problem.add("it is a program for ").add(found.architecture != nullptr ? found.architecture : "another machine");
  problem.add(
      ", which this machine cannot run\n"
      "on the host: apt-get install qemu-user-static binfmt-support; then try again in a new session");
}

unsigned describe_execute(const Spec& spec, const Failure& failure, Text& problem) {
  const int error = failure.error_number;
  send_message(wire::control_descriptor, Type::no_command, static_cast<uint32_t>(error), spec.file);
  problem.add("cannot execute ").add_quoted(spec.file).add(": ");
  if (failure.found.foreign && (error == ENOEXEC || (error == ENOENT && failure.found.file_exists))) {
    describe_foreign(failure.found, problem);
    return 126;
  }
  if (error == ENOENT && failure.found.file_exists) {
    problem.add(
        "it is there, but its interpreter or dynamic loader is not\n"
        "a script: look at its first line; a program: is it for this architecture and this tree?");
    return 126;
  }
  if (error == ENOENT && strchr(spec.file, '/') == nullptr) {
    problem.add(
        "command not found\nit is looked up in the PATH of the session; give its full path, or install it there");
    return 127;
  }
  problem.add_error(error);
  if (error == ENOENT || error == ENOTDIR)
    problem.add("\nit is a path inside the session: give the right one, or install the program there");
  if (error == EACCES)
    problem.add("\nis it a program, with the permission to execute it (ls -l), in folders that the user may enter?");
  if (error == ENOEXEC) problem.add("\nis it a program for another architecture?");
  if (error == E2BIG) problem.add("\npass long lists in a file or on standard input");
  return error == ENOENT || error == ENOTDIR ? 127 : 126;
}

// The process was killed by the end of its session, or by root.
unsigned describe_kill(const Spec& spec, Text& problem) {
  problem.add("starting ").add_quoted(spec.file).add(": it was killed before it began");
  problem.add("\nits session was ended, perhaps: 'unionroot list' shows those that there are");
  return 125;
}

constexpr char too_many[] =
    "\nits caller's control group has as many processes as it may (pids.max), or the machine has";

unsigned describe(const Spec& spec, const Failure& failure, Text& problem) {
  if (failure.step == Step::execute) return describe_execute(spec, failure, problem);
  if (failure.step == Step::directory) {
    send_message(wire::control_descriptor, Type::no_directory, static_cast<uint32_t>(failure.error_number),
                 failure.directory);
    problem.add("cannot change to the directory ").add_quoted(failure.directory).add(" in the session: ");
    if (failure.error_number == 0) {
      problem.add("a file system is mounted there on the host, which the session does not have");
      problem.add("\nuse rbind in its profile's fstab, or --directory to run the command in another one");
      return 125;
    }
    problem.add_error(failure.error_number);
    if (failure.root_is_closed || strcmp(failure.directory, "/") == 0) {
      problem.add("\nthe tree's root is closed to this user: look at its mode (a tree's is 755 usually)");
      return 125;
    }
    problem.add("\nuse --directory to run the command in another one, for example --directory=/");
    return 125;
  }
  problem.add("starting ").add_quoted(spec.file).add(": ").add(what_failed(failure.step));
  if (failure.step == Step::joined_groups) problem.add(" ").add_quoted(failure.group);
  problem.add(": ").add_error(failure.error_number);
  if (failure.step == Step::network)
    problem.add("\nask from a process that has the daemon's network, or see the key network in unionroot.conf(5)");
  if (failure.step == Step::joined_groups || failure.step == Step::cgroup)
    problem.add(failure.error_number == EAGAIN
                    ? too_many
                    : "\nit has gone, or takes no processes; ask from a process in another one");
  return 125;
}

Failure* shared_failure() {
  void* const memory = mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const failure = static_cast<Failure*>(memory);
  *failure = Failure{};
  failure->step = Step::streams;  // the first step: a child that is killed before it was not executed
  return failure;
}

}  // namespace

bool start_command(const Spec& spec, const Terminal& terminal, Child& child, Text& problem, Text& warning,
                   unsigned& status) {
  Plan plan{&spec, &terminal, {}, static_cast<pid_t>(syscall(SYS_getpid)), false, shared_failure()};
  const int cgroup = spec.has(wire::has_cgroup) ? wire::cgroup_descriptor : -1;
  if (plan.failure == nullptr || !open_start_channel(plan.channel) ||
      !fork_child(cgroup, plan.in_cgroup, child_main, &plan, child)) {
    const int error = errno;
    problem.add("starting ").add_quoted(spec.file).add(": making a process: ").add_error(error);
    if (error == EAGAIN) problem.add(too_many);
    take_go(wire::control_descriptor);
    status = 125;
    return false;
  }
  close(plan.channel.command);
  wait_for_start(plan.channel, child);
  close(plan.channel.supervisor);
  const Failure& failure = *plan.failure;
  if (failure.step != Step::none) {
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED);
    status = info.si_code == CLD_EXITED ? describe(spec, failure, problem) : describe_kill(spec, problem);
    return false;
  }
  if (failure.fell_back && spec.has(wire::directory_fallback)) {
    for (unsigned i = 0; i < failure.directories_tried && i < most_directories; ++i)
      send_message(wire::control_descriptor, Type::no_directory, static_cast<uint32_t>(failure.directory_errors[i]),
                   spec.directories[i]);
    send_message(wire::control_descriptor, Type::other_directory, 0, failure.directory);
    warning.add("falling back to the directory ").add_quoted(failure.directory);
  }
  return true;
}

}  // namespace unionroot::helper
