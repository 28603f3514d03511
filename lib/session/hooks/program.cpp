#include "session/hooks/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/spawn.h"
#include "launch/spec.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kill_limit{10};

// Reads a program's output and cuts it into lines.
class Stream {
 public:
  Stream(bool errors, const Program& program) : errors_(errors), program_(program) {
    int ends[2];
    base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
    reading_ = UniqueFd(ends[0]);
    writing_ = UniqueFd(ends[1]);
    base::check(::fcntl(reading_.get(), F_SETFL, O_NONBLOCK), "making a pipe");
  }
  [[nodiscard]] int reading() const { return reading_.get(); }
  [[nodiscard]] int writing() const { return writing_.get(); }
  void started() { writing_.reset(); }

  // Reads at most a full pipe, so that a program that never stops writing cannot hide its end. Drops everything beyond
  // the limit, so that the program is not blocked.
  void take() {
    constexpr int pipe_pages = 16;  // pipe(7)
    char buffer[4096];
    for (int page = 0; reading_ && page <= pipe_pages; ++page) {
      const auto count = ::read(reading_.get(), buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        reading_.reset();
        return;
      }
      const auto kept = std::min(static_cast<std::size_t>(count), most - taken_);
      taken_ += kept;
      add({buffer, kept});
    }
  }
  // Passes on the last line if it has no newline.
  void finish() {
    if (!rest_.empty()) tell(std::exchange(rest_, {}));
    if (taken_ == most) tell("... and more, which is dropped");
  }

 private:
  static constexpr std::size_t most = std::size_t{64} << 10;

  void add(std::string_view text) {
    rest_ += text;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      tell(rest_.substr(0, end));
      rest_.erase(0, end + 1);
    }
  }
  void tell(const std::string& line) const {
    if (!line.empty() && program_.line) program_.line(errors_, base::printable(line));
  }

  const bool errors_;
  const Program& program_;
  UniqueFd reading_, writing_;
  std::string rest_;
  std::size_t taken_ = 0;
};

// A group may be left from a failed attempt, or from a script whose processes could not be killed. It must not prevent
// the scripts that stop the session.
UniqueFd make_group(kernel::Cgroups& cgroups, const Program& program) {
  const auto &session = program.session, &group = program.group;
  if (program.leaves_processes)
    if (auto others = cgroups.open(session, group)) return others;
  try {
    return cgroups.create(session, group);
  } catch (const base::SystemError&) {
    cgroups.kill(session, group, kill_limit);
  }
  try {
    return cgroups.create(session, group);
  } catch (...) {
    cgroups.kill(session, group, kill_limit);
    throw;
  }
}

// The process and everything that it starts. The destructor kills them all, unless they may be left. A process that
// cannot be killed is logged.
class Processes {
 public:
  Processes(const Program& program, const ProgramPlace& place, kernel::Cgroups& cgroups)
      : program_(program), place_(place), cgroups_(cgroups), group_(make_group(cgroups, program)) {}
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() {
    if (gone_) return;
    try {
      kill_all();
    } catch (const std::exception& error) {
      base::log::error(concat("session ", program_.session, ": ending a hook: ", error.what()));
    }
  }

  void start(int output, int errors) {
    const UniqueFd nothing(base::check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "opening", "/dev/null"));
    UniqueFd joining;
    if (group_)
      joining =
          UniqueFd(base::check(::openat(group_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC), "opening cgroup.procs"));
    kernel::SpawnRequest request;
    request.path = program_.path;
    request.arguments = {program_.path};
    request.arguments.insert(request.arguments.end(), program_.arguments.begin(), program_.arguments.end());
    request.environment = program_.environment;
    launch::check_arguments(request.arguments, request.environment);
    request.descriptors = {nothing.get(), output, errors};
    request.cgroup_processes = joining ? joining.get() : -1;
    request.dies_with_thread = true;
    base::fault_point("hook");
    place_.visit([&] { process_ = kernel::spawn(request); });
    base::fault_point("hook started");
  }

  [[nodiscard]] int pidfd() const { return process_.pidfd.get(); }

  // Kills the first process and everything that it started. Returns the wait status of the first process.
  int kill_all() {
    const bool started = process_.pid > 0;
    // This kills the process group. The next call kills processes that have left it.
    if (started) ::kill(-process_.pid, SIGKILL);
    if (group_)
      cgroups_.kill(program_.session, program_.group, kill_limit);
    else
      kernel::kill_mount_namespace(place_.inode, kill_limit);
    gone_ = true;
    return started ? reap() : 0;
  }

  // Call this when the first process has ended.
  int reap() {
    gone_ = true;
    int status = 0;
    while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {
    }
    base::fault_point("hook done");
    return status;
  }

 private:
  const Program& program_;
  const ProgramPlace& place_;
  kernel::Cgroups& cgroups_;
  UniqueFd group_;
  kernel::Spawned process_;
  bool gone_ = false;
};

// The reason for not waiting any longer; nullopt once the process has ended.
std::optional<ProgramEnd::How> wait_for(const Program& program, int pidfd, Stream& output, Stream& errors) {
  const auto end = Clock::now() + program.limit;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return ProgramEnd::How::over_limit;
    if (program.cancelled && program.cancelled()) return ProgramEnd::How::cancelled;
    pollfd wanted[3] = {{pidfd, POLLIN, 0}, {output.reading(), POLLIN, 0}, {errors.reading(), POLLIN, 0}};
    const auto pause = static_cast<int>(std::min<decltype(left)>(left, 20));  // a cancel is noticed within 20 ms
    if (::poll(wanted, 3, pause) < 0 && errno != EINTR) base::throw_errno("waiting for a hook");
    if (wanted[1].revents != 0) output.take();
    if (wanted[2].revents != 0) errors.take();
    if (wanted[0].revents != 0) return std::nullopt;
  }
}

}  // namespace

ProgramEnd run_program(const Program& program, const ProgramPlace& place, kernel::Cgroups& cgroups) {
  Stream output(false, program), errors(true, program);
  Processes processes(program, place, cgroups);
  processes.start(output.writing(), errors.writing());
  output.started();
  errors.started();
  const auto given_up = wait_for(program, processes.pidfd(), output, errors);
  const int status = program.leaves_processes && !given_up ? processes.reap() : processes.kill_all();
  for (auto* stream : {&output, &errors}) {
    stream->take();
    stream->finish();
  }
  if (given_up) return {*given_up, {}};
  return {ProgramEnd::How::ended, kernel::process_end(status)};
}

}  // namespace unionroot::session
