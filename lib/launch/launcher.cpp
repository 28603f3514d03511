#include "launch/launcher.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "launch/spawn.h"
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

std::pair<base::UniqueFd, base::UniqueFd> control_pair() {
  std::array<int, 2> ends{-1, -1};
  base::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "making a control socket");
  return {base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

}  // namespace

Launcher::Launcher(const std::string& helper_path)
    : helper_(open_helper(helper_path)),
      null_(base::check(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening", "/dev/null")) {}

LaunchedRun Launcher::launch(const LaunchSpec& spec, const LaunchDescriptors& descriptors) {
  if (descriptors.mount_namespace < 0 || (spec.terminal && descriptors.root < 0))
    throw base::Error(base::ErrorCode::failed, "starting a command: the session's namespace or root is not open");
  const base::UniqueFd file = sealed_file(serialize(spec, descriptors.cgroup >= 0));
  auto [client, supervisor] = control_pair();

  SpawnRequest request;
  request.executable = helper_.get();
  request.arguments = {"unionroot-helper", spec.session, spec.run};
  for (std::size_t i = 0; i < 3; ++i) {
    const int own = descriptors.standard[i];
    request.descriptors[i] = spec.terminal || own < 0 ? null_.get() : own;
  }
  request.descriptors[wire::spec_descriptor] = file.get();
  request.descriptors[wire::control_descriptor] = supervisor.get();
  request.descriptors[wire::namespace_descriptor] = descriptors.mount_namespace;
  request.descriptors[wire::root_descriptor] = descriptors.root;
  request.descriptors[wire::cgroup_descriptor] = descriptors.cgroup;
  request.descriptors[wire::lock_descriptor] = descriptors.session_lock;
  // Every number is taken, so that nothing that the helper opens can get one of them.
  for (int& descriptor : request.descriptors)
    if (descriptor < 0) descriptor = null_.get();

  base::fault_point("before spawning a supervisor");
  Spawned spawned = spawn(request);
  base::fault_point("after spawning a supervisor");

  LaunchedRun run;
  // It may have ended by now; then its pid alone is known, and no later process is taken for it.
  run.supervisor = base::identify(spawned.pid).value_or(base::ProcessIdentity{spawned.pid, 0, base::boot_id()});
  run.pidfd = std::move(spawned.pidfd);
  run.control = std::move(client);
  run.hold = std::move(supervisor);
  return run;
}

std::optional<int> reap(int pidfd) {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0) {
    if (errno == ECHILD) return std::nullopt;  // started by a former daemon: init has reaped it
    base::throw_errno("waiting for a supervisor");
  }
  if (info.si_pid == 0) return std::nullopt;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace unionroot::launch
