// unionrootd: connects the parts.
#include <malloc.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/bus/closers.h"
#include "daemon/service.h"
#include "daemon/startup.h"
#include "daemon/time_limits.h"
#include "kernel/spawn.h"
#include "session/manager.h"

namespace unionroot::daemon {
namespace {

using base::concat;

definition::Settings settings_for(const CommandLine& line) {
  auto settings = definition::read_settings(definition::settings_file(line.config), line.config.empty());
  set_log_level(line.log_level.value_or(settings.log_level));
  return settings;
}

std::vector<std::string> capabilities(const session::Manager& manager) {
  std::vector<std::string> found{"host-view"};
  if (manager.has_control_groups()) found.emplace_back("cgroup");
  return found;
}

int serve(const definition::Settings& settings) {
  const base::UniqueFd state_lock = lock_state(settings.state_directory);
  // Created before the loop, so that it outlives it: unfinished work of the loop holds bus messages.
  const auto connection = connect_bus(settings);
  asio::io_context io(1);
  EventRelay relay(io);
  definition::Registry registry(settings);
  session::Manager manager(settings, relay.events());
  const auto users = host_users();
  manager.reconcile();

  int status = 0;
  const auto lost = [&](const std::string& why) {
    base::log::error(concat("the bus is gone: ", why, "; sessions and their commands live on"));
    status = 1;
    io.stop();
  };
  Service service(io, *connection, manager, registry, *users, capabilities(manager), limits_of(settings), lost);
  relay.attach(&service);
  asio::signal_set ends(io, SIGTERM, SIGINT);
  ends.async_wait([&](const AsioError& error, int) {
    if (!error) io.stop();
  });
  asio::signal_set reloads(io, SIGHUP);
  std::function<void()> await_reload = [&] {
    reloads.async_wait([&](const AsioError& error, int) {
      if (error) return;
      service.reload();
      await_reload();
    });
  };
  await_reload();
  service.start();
  TimeLimits time_limits(io, manager, settings,
                         [&](const session::SessionView& session) { service.end_overdue(session); });
  time_limits.start();
  ::sd_notify(0, "READY=1");
  base::log::info(concat("unionrootd ", UNIONROOT_VERSION, " is ready"));
  base::arm_fault_points();
  io.run();

  ::sd_notify(0, "STOPPING=1");
  relay.attach(nullptr);
  service.stop();
  manager.stop(machine_shuts_down(settings, *connection));
  return status;
}

int run(int argc, char** argv) {
  open_standard_descriptors();
  reserve_low_descriptors();
  const CommandLine line = parse_command_line(argc, argv);
  if (line.help) return std::fputs(help_text, stdout) < 0 ? 1 : 0;
  if (line.version) return std::puts("unionrootd " UNIONROOT_VERSION) < 0 ? 1 : 0;
  if (::geteuid() != 0)
    throw base::Error(base::ErrorCode::access_denied, "unionrootd must be run by root",
                      "try: systemctl start unionrootd, or sudo unionrootd");
  ::umask(022);
  // Every live session keeps some descriptors open, and the usual soft limit is 1024.
  kernel::raise_open_files_limit();
  // Makes malloc return large buffers to the system when they are freed. By default the threshold rises to the largest
  // size that was freed (mallopt(3)), and the memory of one large message would stay in use.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
  if (::mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 0)
    base::log::warning("this malloc has no M_MMAP_THRESHOLD: a large request may leave memory in use");
  const int status = serve(settings_for(line));
  Closers::instance().finish();
  return status;
}

}  // namespace
}  // namespace unionroot::daemon

int main(int argc, char** argv) {
  namespace base = unionroot::base;
  try {
    return unionroot::daemon::run(argc, argv);
  } catch (const base::Error& error) {
    base::log::error(base::concat("unionrootd: ", error.what()));
    if (!error.hint().empty()) base::log::error(error.hint());
  } catch (const std::exception& error) {
    base::log::error(base::concat("unionrootd: ", error.what()));
  }
  return 1;
}
