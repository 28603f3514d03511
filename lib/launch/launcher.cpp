#include "launch/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/fault_delay.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/spawn.h"
#include "launch/control.h"
#include "launch/spec_file.h"
#include "launch/wire.h"

namespace unionroot::launch {

namespace {

base::UniqueFd open_helper(const std::string& path) {
  const char* const hint = "reinstall unionroot, or correct the path of the helper";
  base::UniqueFd helper(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!helper) throw base::SystemError(errno, base::concat("opening the helper ", path), hint);
  struct stat status {};
  base::check(::fstat(helper.get(), &status), "examining the helper", path);
  const auto refuse = [&](const char* reason) {
    throw base::Error(base::ErrorCode::failed, base::concat("using the helper ", path, ": it ", reason), hint);
  };
  if (!S_ISREG(status.st_mode)) refuse("is not a regular file");
  if ((status.st_mode & 0111) == 0) refuse("is not executable");
  if (status.st_uid != 0) refuse("is not owned by root");
  if ((status.st_mode & 022) != 0) refuse("can be written by others than root");
  return helper;
}

#ifndef SO_PASSRIGHTS  // since Linux 6.16, socket(7)
#define SO_PASSRIGHTS 83
#endif

// The client's end and the supervisor's.
std::pair<base::UniqueFd, base::UniqueFd> control_pair() {
  std::array<int, 2> ends{-1, -1};
  base::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "making a control socket");
  // Who closes a client's descriptor may wait for as long as the client likes. So none can be sent, where the kernel
  // has that; elsewhere the supervisor leaves them in the socket (helper/messages.h).
  const int no = 0;
  if (::setsockopt(ends[1], SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof no) != 0 && errno != ENOPROTOOPT)
    base::throw_errno("making a control socket that takes no descriptors");
  return {base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

// One descriptor that holds several: a socket in whose queue they lie. Whoever has the socket open holds them open.
base::UniqueFd bundle(const std::vector<int>& descriptors, const char* what) {
  constexpr std::size_t most_in_a_message = 253;  // SCM_MAX_FD, unix(7)
  std::array<int, 2> ends{-1, -1};
  base::check(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), "making a socket for", what);
  const base::UniqueFd sender(ends[0]);
  base::UniqueFd holder(ends[1]);
  for (std::size_t begin = 0; begin < descriptors.size(); begin += most_in_a_message) {
    const auto size = std::min(descriptors.size() - begin, most_in_a_message) * sizeof(int);
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(most_in_a_message * sizeof(int))> buffer{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = buffer.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(attached), &descriptors[begin], size);
    base::check(::sendmsg(sender.get(), &header, MSG_NOSIGNAL), "handing to a supervisor:", what);
  }
  return holder;
}

struct OutputPipe {
  base::UniqueFd reader, writer;
};

// What a detached command writes to. The user's own, so that the command may open it once more (/dev/stderr).
OutputPipe output_pipe(uid_t user) {
  std::array<int, 2> ends{-1, -1};
  base::check(::pipe2(ends.data(), O_CLOEXEC), "making a pipe for a command's output");
  OutputPipe pipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
  // The user may read from it too, and so may make it empty at any moment.
  base::check(::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK), "preparing a pipe for a command's output");
  base::check(::fchown(pipe.writer.get(), user, static_cast<gid_t>(-1)), "preparing a pipe for a command's output");
  return pipe;
}

// told: of wire::run_end.
RunEnd meaning_of(std::uint64_t told) {
  using How = kernel::ProcessEnd::How;
  RunEnd end{{}, (told & wire::has_left) != 0, (told & wire::out_of_memory) != 0, (told & wire::timed_out) != 0, 0};
  end.how.value = static_cast<int>(wire::value_of(told));
  switch (static_cast<control::Type>(wire::how_of(told))) {
    case control::Type::exited: end.how.how = How::exited; return end;
    case control::Type::killed: end.how.how = How::killed; return end;
    case control::Type::failed: end.how.how = How::not_started; return end;
    default: return {};
  }
}

}  // namespace

Launcher::Launcher(const std::string& helper_path)
    : helper_(open_helper(helper_path)),
      null_(base::check(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening", "/dev/null")) {}

LaunchedRun Launcher::launch(const LaunchSpec& spec, const LaunchDescriptors& descriptors) {
  if (spec.detached && (spec.terminal || descriptors.output < 0))
    throw base::Error(base::ErrorCode::failed, "starting a detached command: its output is not open");
  if (descriptors.mount_namespace < 0 || (spec.terminal && descriptors.root < 0))
    throw base::Error(base::ErrorCode::failed, "starting a command: the session's namespace or root is not open");
  const base::UniqueFd file = sealed_file(serialize(spec, {descriptors.cgroup >= 0, descriptors.network >= 0}));
  auto [client, supervisor] = control_pair();

  kernel::SpawnRequest request;
  request.executable = helper_.get();
  request.arguments = {"unionroot-helper", spec.session, spec.run};
#ifdef UNIONROOT_FAULT_POINTS
  if (const char* const delay = std::getenv(base::fault_delay_variable))
    request.environment = {base::concat(base::fault_delay_variable, "=", delay)};
#endif
  // No signal that is sent to the supervisor reaches it, from its start on.
  request.signals_blocked = true;
  request.descriptors.assign(wire::first_free_descriptor, -1);
  base::UniqueFd streams;
  OutputPipe output;
  if (!spec.terminal) {
    std::vector<int> each(std::begin(descriptors.standard), std::end(descriptors.standard));
    if (spec.detached) {
      output = output_pipe(spec.uid);
      each = {-1, output.writer.get(), output.writer.get()};
      request.descriptors[wire::output_descriptor] = output.reader.get();
      request.descriptors[wire::kept_descriptor] = descriptors.output;
    }
    for (int& stream : each)
      if (stream < 0) stream = null_.get();
    streams = bundle(each, "a command's input and output");
    request.descriptors[wire::streams_descriptor] = streams.get();
  }
  request.descriptors[wire::spec_descriptor] = file.get();
  request.descriptors[wire::control_descriptor] = supervisor.get();
  request.descriptors[wire::namespace_descriptor] = descriptors.mount_namespace;
  request.descriptors[wire::root_descriptor] = descriptors.root;
  request.descriptors[wire::cgroup_descriptor] = descriptors.cgroup;
  request.descriptors[wire::record_descriptor] = descriptors.record;
  base::UniqueFd end(base::check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "making an event counter for a run"));
  request.descriptors[wire::end_descriptor] = end.get();
  base::UniqueFd locks;
  if (descriptors.session_locks.size() > 1) locks = bundle(descriptors.session_locks, "a session's locks");
  request.descriptors[wire::lock_descriptor] = locks                               ? locks.get()
                                               : descriptors.session_locks.empty() ? -1
                                                                                   : descriptors.session_locks.front();
  // Every number is taken, so that nothing that the helper opens can get one of them.
  for (int& descriptor : request.descriptors)
    if (descriptor < 0) descriptor = null_.get();

  if (descriptors.network >= 0) request.descriptors.push_back(descriptors.network);

  base::fault_point("before spawning a supervisor");
  kernel::Spawned spawned = kernel::spawn(request);
  LaunchedRun run;
  // It may have ended by now; then its pid alone is known, and no later process is taken for it.
  run.supervisor = base::identify(spawned.pid).value_or(base::ProcessIdentity{spawned.pid, 0, base::boot_id()});
  run.pidfd = std::move(spawned.pidfd);
  run.control = std::move(client);
  run.end = std::move(end);
  run.hold = std::move(supervisor);
  return run;
}

void LaunchedRun::go() const {
  control::Message message{};
  const auto size = control::fill(message, control::Type::go);
  // A supervisor that has ended already has told why, or died: the client sees either.
  if (::send(control.get(), &message, size, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    base::throw_errno("telling a supervisor that its run is recorded");
}

void wait_and_reap(int pidfd) {
  pollfd ended{pidfd, POLLIN, 0};
  // A supervisor without a client ends its command within two seconds (helper/supervise.cpp).
  constexpr int limit = 5000;
  int result = 0;
  do result = ::poll(&ended, 1, limit);
  while (result < 0 && errno == EINTR);
  base::check(result, "waiting for a supervisor");
  if (result == 0) throw base::Error(base::ErrorCode::timed_out, "waiting for a supervisor: it does not end");
  reap(pidfd);
}

void reap(int pidfd) {
  siginfo_t info{};
  // ECHILD: it was started by a former daemon, and init reaps it.
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0 &&
      errno != ECHILD)
    base::throw_errno("waiting for a supervisor");
}

RunEnd read_end(int end) {
  std::uint64_t told = 0;
  if (end < 0 || ::read(end, &told, sizeof told) != static_cast<ssize_t>(sizeof told)) return {};
  const auto read = meaning_of(told);
  // Nobody else reads it, and so it is as it was.
  if (read.left_processes && ::write(end, &told, sizeof told) != static_cast<ssize_t>(sizeof told))
    base::throw_errno("noting how a run has ended");
  return read;
}

RunEnd recorded_end(int record) {
  wire::RecordedEnd noted{};
  const auto size = ::fgetxattr(record, wire::ended_attribute, &noted, sizeof noted);
  if (size != static_cast<ssize_t>(sizeof noted)) return {};
  auto end = meaning_of(noted.end);
  end.at = static_cast<std::int64_t>(noted.microseconds);
  return end;
}

bool saw_the_end(int record) { return ::fgetxattr(record, wire::ended_attribute, nullptr, 0) >= 0; }

base::UniqueFd end_of_supervisor(int pidfd) {
  base::UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, wire::end_descriptor, 0)));
  if (!end) return {};
  // A supervisor of an older version has something else there.
  const auto path = base::concat("/proc/self/fd/", end.get());
  std::array<char, 64> name{};
  const auto length = ::readlink(path.c_str(), name.data(), name.size());
  if (length < 0 || std::string_view(name.data(), static_cast<std::size_t>(length)) != "anon_inode:[eventfd]")
    return {};
  return end;
}

}  // namespace unionroot::launch
