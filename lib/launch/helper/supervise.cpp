#include "launch/helper/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "launch/helper/messages.h"
#include "launch/helper/oom.h"
#include "launch/helper/output.h"
#include "launch/helper/pause.h"
#include "launch/helper/terminal.h"

namespace unionroot::helper {

namespace {

using launch::control::Message;
using launch::control::Type;
namespace wire = launch::wire;

constexpr long terminate_after = 200;  // milliseconds after the client went away: SIGTERM
constexpr long kill_after = 2000;      // SIGKILL to everything
constexpr long kill_limit = 10000;     // for those that do not die
constexpr long stop_awaited = 100;  // milliseconds after SIGSTOP: counts as stopped, even where the kernel says nothing

long now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// Ending a run whose client went away, step by step, or whose client wants it killed.
class Ending {
 public:
  Ending(pid_t command, const Spec& spec)
      : command_(command), has_cgroup_(spec.has(wire::has_cgroup)), detachable_(spec.has(wire::detached)) {}

  [[nodiscard]] bool begun() const { return begun_ >= 0; }
  void time_is_up() { timed_out_ = true; }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  void terminate() {
    signal_group(SIGTERM);
    signal_group(SIGCONT);  // a stopped process would not notice
  }

  void detach() { detached_ = detachable_; }

  void client_has_gone() {
    if (begun() || detached_) return;
    begun_ = now();
    signal_group(SIGHUP);
    signal_group(SIGCONT);  // a stopped process would not notice
  }

  void kill_now() {
    if (!begun()) begun_ = now();
    terminated_ = killed_ = true;
    kill_all();
  }

  void go_on() {
    const long elapsed = now() - begun_;
    if (elapsed >= terminate_after && !terminated_) {
      terminated_ = true;
      terminate();
    }
    if (elapsed >= kill_after && !killed_) {
      killed_ = true;
      kill_all();
    }
  }

  // For poll(2): until the next step; -1 if there is none.
  [[nodiscard]] int wait_milliseconds() const {
    if (!begun() || killed_) return -1;
    const long next = begun_ + (terminated_ ? kill_after : terminate_after) - now();
    return next > 0 ? static_cast<int>(next) : 0;
  }

  // Everything that is left of the run, in other process groups, sessions and control groups too.
  void kill_all() {
    kill(-command_, SIGKILL);
    if (has_cgroup_) {
      const int file = openat(wire::cgroup_descriptor, "cgroup.kill", O_WRONLY | O_CLOEXEC);
      if (file >= 0) {
        (void)!write(file, "1", 1);  // whatever that does not kill is killed below
        close(file);
      }
    }
    kill_children();
  }

 private:
  // The command is not reaped before this object is done with, so its number cannot mean another group.
  void signal_group(int number) { kill(-command_, number); }

  // Again and again, since what a child leaves behind becomes our child in turn. Sleeps a little in between; a fork
  // bomb can win against this, and cannot against a control group.
  static void kill_children() {
    for (const long begin = now(); now() - begin < kill_limit;) {
      if (!kill_listed_children()) return;
      const timespec moment{0, 2000000};
      nanosleep(&moment, nullptr);
    }
  }

  static bool kill_listed_children() {
    const int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool alive = false;
    char buffer[4096];
    pid_t pid = 0;
    for (ssize_t size; (size = read(file, buffer, sizeof buffer)) > 0;) {
      for (ssize_t i = 0; i < size; ++i) {
        if (buffer[i] >= '0' && buffer[i] <= '9') {
          pid = pid * 10 + (buffer[i] - '0');
        } else if (pid > 0) {
          siginfo_t info{};
          // Only the living count; the dead are reaped elsewhere. A child's number is ours until then.
          if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
            kill(pid, SIGKILL);
            alive = true;
          }
          pid = 0;
        }
      }
    }
    close(file);
    return alive;
  }

  pid_t command_;
  bool has_cgroup_;
  bool detachable_;
  bool detached_ = false;  // its client has said that it may go on alone
  long begun_ = -1;
  bool terminated_ = false;
  bool killed_ = false;
  bool timed_out_ = false;
};

// How long a detached command may take. Any other's client sees to that.
class TimeLimit {
 public:
  explicit TimeLimit(const Spec& spec) {
    if (!spec.has(wire::detached) || spec.header->timeout == 0) return;
    next_ = now() + static_cast<long>(spec.header->timeout);
    grace_ = static_cast<long>(spec.header->grace);
  }

  void go_on(Ending& ending) {
    if (wait_milliseconds() != 0) return;
    if (ending.timed_out()) {
      next_ = -1;
      ending.kill_now();
      return;
    }
    ending.time_is_up();
    ending.terminate();
    next_ = now() + grace_;
  }

  // For poll(2).
  [[nodiscard]] int wait_milliseconds() const {
    constexpr long longest = 3600000;
    if (next_ < 0) return -1;
    const long left = next_ - now();
    return left <= 0 ? 0 : static_cast<int>(left < longest ? left : longest);
  }

 private:
  long next_ = -1;
  long grace_ = 0;
};

// Whether the command on a terminal is stopped, and the client to stop with it. The client sends SIGCONT when it goes
// on.
class Stop {
 public:
  // SIGSTOP was sent. One that waits in vfork(2) for a child that was stopped with it does not stop, and so is not
  // reported, though nothing of it goes on.
  void asked() { asked_ = now(); }
  void over() {
    stopped_ = false;
    asked_ = -1;
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] int wait_milliseconds() const {
    if (asked_ < 0) return -1;
    const long left = asked_ + stop_awaited - now();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  // After SIGCHLD.
  void look(int control, pid_t command) {
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(command), &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == command)
      tell(control, info.si_status);
  }
  void go_on(int control) {
    if (wait_milliseconds() == 0) tell(control, SIGSTOP);
  }

 private:
  void tell(int control, int signal) {
    asked_ = -1;
    if (stopped_) return;
    stopped_ = true;
    send_message(control, Type::stopped, static_cast<uint32_t>(signal));
  }

  long asked_ = -1;
  bool stopped_ = false;
};

// For poll(2), where -1 is for ever.
int sooner(int one, int other) { return one < 0 || (other >= 0 && other < one) ? other : one; }

// 32 and 33 belong to glibc's threads.
bool may_be_sent(uint32_t number) { return (number >= 1 && number <= 31) || (number >= 34 && number <= 64); }

void obey(const Message& message, pid_t command, int master, Stop& stop, Ending& ending) {
  if (message.type == Type::signal && may_be_sent(message.value)) {
    // One that stopped because another group had the terminal would stop again.
    if (message.value == SIGCONT && stop.stopped() && master >= 0) give_terminal(master, command);
    if (message.value == SIGCONT) stop.over();
    if (message.value == SIGSTOP && master >= 0) stop.asked();
    kill(-command, static_cast<int>(message.value));
  } else if (message.type == Type::window_size && master >= 0) {
    set_window_size(master, message.value >> 16, message.value & 0xffff);
  } else if (message.type == Type::kill_all) {
    ending.kill_now();
  } else if (message.type == Type::timed_out) {
    ending.time_is_up();
  } else if (message.type == Type::detach) {
    ending.detach();
  }
}

// True if the client is gone.
bool handle_control(int control, short events, pid_t command, int master, Stop& stop, Ending& ending) {
  if ((events & POLLIN) != 0) {
    Message message{};
    const Received received = receive_message(control, message);
    if (received == Received::message) obey(message, command, master, stop, ending);
    if (received == Received::hang_up) return true;
    if (received == Received::nothing && (events & POLLRDHUP) != 0) return true;
    // What the client sent before it went is obeyed first.
    if (received == Received::message) return false;
  }
  return (events & (POLLHUP | POLLERR | POLLNVAL | POLLRDHUP)) != 0;
}

int child_signals() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

void forget(int signals) {
  signalfd_siginfo ignored{};
  while (read(signals, &ignored, sizeof ignored) > 0) {
  }
}

// All that have ended. False if there is none any more, ended or not.
bool reap_all() {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0) return errno == EINTR;
    if (info.si_pid == 0) return true;
  }
}

void reap_orphans(pid_t command) {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 || info.si_pid == command) return;
    waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED);
  }
}

// For a daemon that is started after this process has ended.
void mark_ended(uint64_t end) {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  const wire::RecordedEnd record{
      end, static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_nsec) / 1000};
  // Where there is no such folder, or the kernel does not have that (before 5.7), what the command left is killed at
  // the daemon's next start.
  (void)fsetxattr(wire::record_descriptor, wire::ended_attribute, &record, sizeof record, 0);
}

// The session's locks stay with what the command has left, and so does this process: it alone knows all of that. What
// those write is kept too.
void stay(int master, int signals, Output& output) {
  if (master >= 0) close(master);
  close(wire::control_descriptor);
  close(wire::cgroup_descriptor);
  close(wire::record_descriptor);
  while (output.descriptor() >= 0 && reap_all()) {
    pollfd watched[2] = {{output.descriptor(), POLLIN, 0}, {signals, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) continue;
    if (watched[0].revents != 0) output.take();
    forget(signals);
  }
  output.take_rest();
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED) == 0 || errno == EINTR) {
  }
}

// True if it was killed for that.
bool tell_of_memory(const Spec& spec, pid_t command) {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(command), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
  if (info.si_code != CLD_KILLED || info.si_status != SIGKILL || killed_for_memory(spec) == 0) return false;
  send_message(wire::control_descriptor, Type::warning, 0,
               "the command was killed, and the kernel has killed in its control group for lack of memory; "
               "the group's memory.max says how much it may have");
  return true;
}

void report(pid_t command, const Spec& spec, int master, int signals, uint64_t marks, Output& output) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(command), &info, WEXITED) != 0 && errno == EINTR) {
  }
  const auto value = static_cast<uint32_t>(info.si_status);
  const auto how = info.si_code == CLD_EXITED ? Type::exited : Type::killed;
  const bool left = reap_all();
  if (left) marks |= wire::has_left;
  output.take_rest();  // whoever knows that it has ended finds all that it has written
  if (spec.has(wire::has_cgroup)) mark_ended(wire::run_end(static_cast<uint32_t>(how), value, marks));
  wait_a_moment();
  report_end(how, value, "", marks);
  if (left) stay(master, signals, output);
}

}  // namespace

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void supervise(const Spec& spec, const Child& child, int master) {
  Ending ending(child.pid, spec);
  TimeLimit limit(spec);
  Output output(spec);
  Stop stop;
  // poll(2) skips negative descriptors.
  pollfd watched[4] = {{wire::control_descriptor, POLLIN | POLLRDHUP, 0},
                       {child.pidfd, POLLIN, 0},
                       {child_signals(), POLLIN, 0},
                       {output.descriptor(), POLLIN, 0}};
  for (;;) {
    const int wait = sooner(limit.wait_milliseconds(), sooner(ending.wait_milliseconds(), stop.wait_milliseconds()));
    if (poll(watched, 4, wait) < 0 && errno != EINTR) break;
    wait_a_moment();
    if (watched[0].revents != 0 && handle_control(watched[0].fd, watched[0].revents, child.pid, master, stop, ending)) {
      watched[0].fd = -1;
      ending.client_has_gone();
      if (master >= 0) close(master);  // the kernel hangs the terminal up
      master = -1;
    }
    // The command's own end comes as a signal too.
    if (watched[2].revents != 0 && watched[1].revents == 0) {
      forget(watched[2].fd);
      reap_orphans(child.pid);
      if (master >= 0) stop.look(wire::control_descriptor, child.pid);
    }
    if (watched[3].revents != 0) output.take();
    watched[3].fd = output.descriptor();
    limit.go_on(ending);
    stop.go_on(wire::control_descriptor);
    if (ending.begun()) ending.go_on();
    if (watched[1].revents != 0) break;
    for (pollfd& one : watched) one.revents = 0;
  }
  // Background processes of a command that ended by itself go on. Those of a client that went away, or of a command
  // whose time is over, do not.
  if (ending.begun() || ending.timed_out()) ending.kill_all();
  uint64_t marks = ending.timed_out() ? wire::timed_out : 0;
  if (!ending.begun() && tell_of_memory(spec, child.pid)) marks |= wire::out_of_memory;
  report(child.pid, spec, master, watched[2].fd, marks, output);
}

}  // namespace unionroot::helper
