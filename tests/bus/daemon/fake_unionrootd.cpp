// unionrootd over a fake core: fake_unionrootd SETTINGS. Says "ready" on stdout.
#include <cstdio>
#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/service.h"
#include "daemon/startup.h"
#include "fake_core.h"

using namespace unionroot;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    base::log::set_level(base::log::Level::debug);
    const auto settings = definition::read_settings(argv[1], false);
    const auto lock = daemon::lock_state(settings.state_directory);
    daemon::asio::io_context io(1);
    const auto connection = daemon::connect_bus(settings);
    daemon::EventRelay relay(io);
    definition::Registry registry(settings);
    testing::FakeCore core(relay.events());
    const auto users = daemon::host_users();
    auto limits = daemon::limits_of(settings);
    limits[daemon::Work::begin] = {"sessions being begun", 3, 2, 1, 4};
    limits.parked_per_user = 2;
    int status = 0;
    daemon::Service service(io, *connection, core, registry, *users, {"fake"}, limits, [&](const std::string& why) {
      base::log::error("the bus is gone: " + why);
      status = 1;
      io.stop();
    });
    relay.attach(&service);
    daemon::asio::signal_set ends(io, SIGTERM);
    ends.async_wait([&](const daemon::AsioError&, int) { io.stop(); });
    service.start();
    std::puts("ready");
    std::fflush(stdout);
    io.run();
    relay.attach(nullptr);
    service.stop();
    return status;
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s\n%s\n", error.what(), error.hint().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}
