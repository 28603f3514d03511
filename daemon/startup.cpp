#include "daemon/startup.h"

#include <fcntl.h>
#include <getopt.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/files.h"
#include "launch/wire.h"

namespace unionroot::daemon {

using base::concat;
using base::Error;
using base::ErrorCode;

const char* const help_text =
    "Usage: unionrootd [--config FILE] [--log-level LEVEL]\n"
    "\n"
    "The daemon behind unionroot(1): begins, runs and ends sessions on shared, read-only system trees.\n"
    "It is started by systemd or by D-Bus activation, as root.\n"
    "\n"
    "  --config FILE      settings, instead of /etc/unionroot/unionroot.conf; several daemons may run side\n"
    "                     by side, each with settings that name a state and a runtime directory of its own\n"
    "  --log-level LEVEL  debug, info, warning or error, instead of what the settings say\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "SIGTERM stops it; sessions and the commands in them live on. SIGHUP reads the definitions again.\n"
    "\n"
    "Example: a daemon of one's own on a private bus\n"
    "  unionrootd --config /tmp/try/unionroot.conf --log-level debug\n";

CommandLine parse_command_line(int argc, char** argv) {
  static const option options[] = {{"config", required_argument, nullptr, 'c'},
                                   {"log-level", required_argument, nullptr, 'l'},
                                   {"help", no_argument, nullptr, 'h'},
                                   {"version", no_argument, nullptr, 'V'},
                                   {nullptr, 0, nullptr, 0}};
  const char* const see = "`unionrootd --help` lists what it takes";
  CommandLine line;
  optind = 1;
  opterr = 0;
  int found = 0;
  while ((found = ::getopt_long(argc, argv, "+:c:hV", options, nullptr)) != -1) {
    switch (found) {
      case 'c': line.config = optarg; break;
      case 'l': line.log_level = optarg; break;
      case 'h': line.help = true; break;
      case 'V': line.version = true; break;
      default:
        throw Error(ErrorCode::invalid_argument,
                    concat(found == ':' ? "an argument is missing after '" : "unknown option '",
                           base::printable(argv[optind - 1]), "'"),
                    see);
    }
  }
  if (optind < argc) {
    throw Error(ErrorCode::invalid_argument, concat("unexpected argument '", base::printable(argv[optind]), "'"), see);
  }
  return line;
}

void open_standard_descriptors() {
  int number = -1;
  do number = base::check(::open("/dev/null", O_RDWR), "opening", "/dev/null");  // the lowest free number: open(2)
  while (number <= STDERR_FILENO);
  ::close(number);
}

void reserve_low_descriptors() {
  int number = -1;
  do number = base::check(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening", "/dev/null");
  while (number < static_cast<int>(launch::wire::first_free_descriptor));
  ::close(number);
}

void set_log_level(const std::string& level) {
  using base::log::Level;
  if (level == "debug")
    base::log::set_level(Level::debug);
  else if (level == "info")
    base::log::set_level(Level::info);
  else if (level == "warning")
    base::log::set_level(Level::warning);
  else if (level == "error")
    base::log::set_level(Level::error);
  else
    throw Error(ErrorCode::invalid_argument, concat("unknown log level '", base::printable(level), "'"),
                "it is debug, info, warning or error");
}

base::UniqueFd lock_state(const std::string& state_directory) {
  kernel::ensure_directories(state_directory, 0755);
  const std::string path = state_directory + "/daemon.lock";
  // For root alone: a reader could take a read lock, and so keep the daemon from starting (fcntl(2)).
  base::UniqueFd file(
      base::check(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), "opening", path));
  base::check(::fchmod(file.get(), 0600), "changing the mode of", path);
  // Waits at most a second: the descriptors of a killed daemon stay open until its last thread has ended.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  bool locked = base::try_lock(file.get(), base::LockType::write, path);
  for (; !locked && std::chrono::steady_clock::now() < end;
       locked = base::try_lock(file.get(), base::LockType::write, path))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (!locked) {
    const std::string text = base::read_file(path, 64);
    const std::string owner = text.substr(0, text.find('\n'));
    throw Error(
        ErrorCode::failed,
        concat("another unionrootd (pid ", base::printable(owner), ") runs on the state directory ", state_directory),
        "stop it first, or give this one settings with a state-directory and a runtime-directory of its own");
  }
  try {  // the pid is for people; only the lock counts
    const auto text = concat(::getpid(), "\n");
    base::write_all(file.get(), text, path);
    base::check(::ftruncate(file.get(), static_cast<off_t>(text.size())), "writing", path);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::no_space) throw;
    base::log::warning(error.what());  // not fatal: on a full disk this daemon must still end sessions
  }
  return file;
}

namespace {

std::unique_ptr<sdbus::IConnection> open_bus(const std::string& bus) {
  if (bus == "system") return sdbus::createSystemBusConnection();
  if (bus == "session") return sdbus::createSessionBusConnection();
  return sdbus::createSessionBusConnectionWithAddress(bus);
}

}  // namespace

std::unique_ptr<sdbus::IConnection> connect_bus(const definition::Settings& settings) {
  const bool named = settings.bus == "system" || settings.bus == "session";
  const std::string title =
      named ? concat("the ", settings.bus, " bus") : concat("the bus at ", base::printable(settings.bus));
  try {
    return open_bus(settings.bus);
  } catch (const sdbus::Error& error) {
    throw Error(
        ErrorCode::failed, concat("connecting to ", title, ": ", error.getMessage()),
        named ? concat("start it (dbus-daemon or dbus-broker), or set bus= in ", settings.config_file)
              : concat("is a dbus-daemon listening there? bus= in ", settings.config_file, " says where to look"));
  }
}

bool machine_shuts_down(const definition::Settings& settings, sdbus::IConnection& connection) {
  if (settings.bus != "system") return false;
  try {
    const auto systemd = sdbus::createProxy(connection, "org.freedesktop.systemd1", "/org/freedesktop/systemd1");
    sdbus::Variant state;
    systemd->callMethod("Get")
        .onInterface("org.freedesktop.DBus.Properties")
        .withTimeout(std::chrono::seconds(10))  // systemd is busy during a shutdown
        .withArguments(std::string("org.freedesktop.systemd1.Manager"), std::string("SystemState"))
        .storeResultsTo(state);
    return state.get<std::string>() == "stopping";
  } catch (const sdbus::Error& error) {
    base::log::debug(concat("asking systemd whether the machine shuts down: ", error.getMessage()));
    return false;
  }
}

}  // namespace unionroot::daemon
