#include "daemon/startup.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "temporary_folder.h"

using namespace unionroot;

namespace {

daemon::CommandLine parse(std::vector<std::string> words) {
  words.insert(words.begin(), "unionrootd");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return daemon::parse_command_line(static_cast<int>(words.size()), argv.data());
}

}  // namespace

TEST_CASE("the daemon's options") {
  CHECK(parse({}).config.empty());
  CHECK(parse({"--config", "/x"}).config == "/x");
  CHECK(parse({"--config=/x", "--log-level=debug"}).log_level == "debug");
  CHECK(parse({"--help"}).help);
  CHECK(parse({"--version"}).version);
  CHECK_THROWS_WITH(parse({"--nonsense"}), "unknown option '--nonsense'");
  CHECK_THROWS_WITH(parse({"--config"}), "an argument is missing after '--config'");
  CHECK_THROWS_WITH(parse({"word"}), "unexpected argument 'word'");
  CHECK_THROWS_AS(daemon::set_log_level("loud"), base::Error);
}

TEST_CASE("one daemon for a state directory") {
  const tests::TemporaryFolder folder;
  const std::string state = folder / "a/state";  // made if missing
  auto first = daemon::lock_state(state);
  CHECK((::fcntl(first.get(), F_GETFD) & FD_CLOEXEC) != 0);
  try {
    daemon::lock_state(state);
    FAIL("a second daemon was let in");
  } catch (const base::Error& error) {
    CHECK(std::string(error.what()) ==
          "another unionrootd (pid " + std::to_string(::getpid()) + ") runs on the state directory " + state);
    CHECK_FALSE(error.hint().empty());
  }
  first.reset();
  CHECK_NOTHROW(daemon::lock_state(state));  // the file that is left behind does not matter
}

TEST_CASE("the daemon's lock file is closed to strangers, who could lock it for reading") {
  const tests::TemporaryFolder folder;
  std::ofstream(folder / "daemon.lock") << "1\n";
  boost::filesystem::permissions(folder / "daemon.lock", static_cast<boost::filesystem::perms>(0644));
  const auto held = daemon::lock_state(folder.path());
  CHECK(boost::filesystem::status(folder / "daemon.lock").permissions() == static_cast<boost::filesystem::perms>(0600));
}

TEST_CASE("a lock file that is a symlink is not followed") {
  const tests::TemporaryFolder folder;
  boost::filesystem::create_symlink(folder / "elsewhere", folder / "daemon.lock");
  CHECK_THROWS_AS(daemon::lock_state(folder.path()), base::Error);
  CHECK_FALSE(boost::filesystem::exists(folder / "elsewhere"));
}

TEST_CASE("a bus that is not there is named") {
  definition::Settings settings;
  settings.bus = "unix:path=/nonexistent/bus";
  settings.config_file = "/etc/x.conf";
  try {
    daemon::connect_bus(settings);
    FAIL("it was reached");
  } catch (const base::Error& error) {
    CHECK(std::string(error.what()).rfind("connecting to the bus at unix:path=/nonexistent/bus: ", 0) == 0);
    CHECK(error.hint() == "is a dbus-daemon listening there? bus= in /etc/x.conf says where to look");
  }
}
