#include "definition/settings.h"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.h"
#include "base/unique_fd.h"
#include "configuration_folder.h"
#include "definition/values.h"

using namespace unionroot::definition;
using Catch::Contains;
using unionroot::base::Error;
using unionroot::base::ErrorCode;

TEST_CASE("all settings") {
  const ConfigurationFolder folder;
  const auto file =
      folder.write("u.conf",
                   "[unionroot]\nconfig-directory=/c\nstate-directory=/s\nruntime-directory=/r\n"
                   "bus=unix:path=/x\nhelper=/h\nread-schroot=no\nschroot-directory=/sc\nlog-level=debug\n"
                   "sessions-per-user=7\nbuilt-in-host=no\nbegins-at-once=20\nslow-ends-per-user=3\n"
                   "root-reserve=1\nsession-names=owner\nsession-time-limit=60\nsource-session-time-limit=30\n"
                   "hold-back-time-limit=0\nreserve-space=500M\nreserve-inodes=10%\n"
                   "schroot-places=yes\nschroot-run-directory=/rs\nschroot-state-directory=/ls\nschroot-wait-limit=5\n"
                   "authentication-time-limit=20\nhistory-days=0\nworking-directory=/build\n"
                   "detached-output-limit=2M\ndetached-output-per-user=1G\n"
                   "[chroot]\nnonsense\n");
  const auto settings = read_settings(file, false);
  CHECK(settings.config_file == file);
  CHECK(settings.config_directory == "/c");
  CHECK(settings.state_directory == "/s");
  CHECK(settings.runtime_directory == "/r");
  CHECK(settings.bus == "unix:path=/x");
  CHECK(settings.helper == "/h");
  CHECK_FALSE(settings.read_schroot);
  CHECK(settings.schroot_directory == "/sc");
  CHECK(settings.log_level == "debug");
  CHECK(settings.sessions_per_user == 7);
  CHECK_FALSE(settings.built_in_host);
  CHECK(settings.limits.begins == 20);
  CHECK(settings.limits.begins_per_user == WorkLimits().begins_per_user);
  CHECK(settings.limits.slow_ends_per_user == 3);
  CHECK(settings.limits.root_reserve == 1);
  CHECK(settings.session_names == SessionNames::owner);
  CHECK(settings.session_time_limit == 60);
  CHECK(settings.source_session_time_limit == 30);
  CHECK(settings.hold_back_time_limit == 0);
  CHECK(settings.reserve_space.percent == 0);
  CHECK(settings.reserve_space.least == 500U << 20);
  CHECK(settings.reserve_space.most == 0);
  CHECK(settings.reserve_inodes.percent == 10);
  CHECK(settings.reserve_inodes.most == 0);
  CHECK(settings.schroot_places == true);
  CHECK(settings.schroot_run_directory == "/rs");
  CHECK(settings.schroot_state_directory == "/ls");
  CHECK(settings.schroot_wait_limit == 5);
  CHECK(settings.authentication_time_limit == 20);
  CHECK(settings.history_days == 0);
  CHECK(settings.detached_output_limit == 2U << 20);
  CHECK(settings.detached_output_per_user == 1U << 30);
  CHECK(settings.working_directory == "/build");
}

TEST_CASE("the settings' defaults, and a file that is not there") {
  const ConfigurationFolder folder;
  const auto settings = read_settings(folder.write("u.conf", ""), false);
  CHECK(settings.config_directory == folder.path());
  CHECK(settings.state_directory == "/var/lib/unionroot");
  CHECK(settings.bus == "system");
  CHECK(settings.read_schroot);
  CHECK(settings.schroot_directory == "/etc/schroot");
  CHECK_FALSE(settings.schroot_places.has_value());
  CHECK(read_settings(folder.write("no.conf", "[unionroot]\nschroot-places=no\n"), false).schroot_places == false);
  const auto by_itself = folder.write("auto.conf", "[unionroot]\nschroot-places=auto\n");
  CHECK_FALSE(read_settings(by_itself, false).schroot_places.has_value());
  CHECK(read_settings(folder / "none.conf", true).config_directory == folder.path());
  CHECK_THROWS_WITH(read_settings(folder / "none.conf", false), Contains("there is no configuration file"));
}

TEST_CASE("a bad setting is refused with its line") {
  const ConfigurationFolder folder;
  const struct {
    std::string line, says;
  } cases[] = {
      {"state-directory=state", "u.conf:2: state-directory: 'state' is not an absolute path"},
      {"runtime-directory=/run/../x", "has '..'"},
      {"state-directory=/", "'/' cannot be used"},
      {"state-directory=/run/unionroot/state", "one contains the other"},
      {"helper=bin/helper", "helper: 'bin/helper'"},
      {"bus=systm", "bus: 'systm' is not a bus"},
      {"bus=unix:", "is not a bus"},
      {"log-level=loud", "expected one of: debug, info, warning, error"},
      {"read-schroot=maybe", "is neither yes nor no"},
      {"schroot-places=maybe", "u.conf:2: schroot-places: 'maybe' is none of auto, yes and no"},
      {"sessions-per-user=-1", "is not a number"},
      {"sessions-per-user=1e3", "is not a number"},
      {"begins-at-once=0", "u.conf:2: begins-at-once: '0' is not a number from 1 to 1000"},
      {"begins-per-user=1001", "is not a number from 1 to 1000"},
      {"waiting-per-user=many", "u.conf:2: waiting-per-user: 'many' is not a number"},
      {"working-directory=here", "u.conf:2: working-directory: 'here' is none of caller, home, or an absolute path"},
      {"session-names=mine", "u.conf:2: session-names: 'mine' is not known; expected one of: any, owner"},
      {"session-time-limit=1h", "u.conf:2: session-time-limit: '1h' is not a number from 0 (no limit) to"},
      {"source-session-time-limit=-1", "is not a number"},
      {"hold-back-time-limit=never", "u.conf:2: hold-back-time-limit: 'never' is not a number"},
      {"authentication-time-limit=0", "u.conf:2: authentication-time-limit: '0' is not a number from 1 to"},
      {"reserve-space=101%", "u.conf:2: reserve-space: '101%' is neither a size, such as 500M, nor a percentage"},
      {"reserve-inodes=5M", "u.conf:2: reserve-inodes: '5M' is neither a number of inodes nor a percentage"},
      {"reserve-inodes=some", "is neither a number of inodes"},
      {"detached-output-limit=1k", "u.conf:2: detached-output-limit: '1k' is not a size of at least 1M"},
      {"detached-output-limit=10%", "detached-output-limit: '10%' is not a size"},
      {"detached-output-per-user=2M", "detached-output-per-user is less than detached-output-limit"},
      {"root-reserve=0", "u.conf:2: root-reserve: '0' is not a number from 1"},
      {"nonsense", "u.conf:2: 'nonsense' has no '='"},
      {"bus=system\nbus=session", "u.conf:3: 'bus' is given again"},
      {"bus=system\n[unionroot]", "u.conf:3: [unionroot] is already defined"},
  };
  for (const auto& bad : cases) {
    const auto file = folder.write("u.conf", "[unionroot]\n" + bad.line + "\n");
    INFO(bad.line);
    try {
      (void)read_settings(file, true);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::definition_invalid);
      CHECK_THAT(error.what(), Contains(bad.says));
    }
  }
}

TEST_CASE("settings that root alone did not write are refused") {
  const ConfigurationFolder folder;
  const auto file = folder.write("u.conf", "[unionroot]\n", 0646);
  try {
    (void)read_settings(file, true);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::access_denied);
    CHECK_THAT(error.hint(), Contains("chmod go-w"));
  }
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  REQUIRE(::chown(file.c_str(), 1234, 0) == 0);
  CHECK_THROWS_WITH(read_settings(file, true), Contains("owned by uid 1234"));
  const unionroot::base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_THROWS_WITH(require_trusted(null.get(), "/dev/null"), Contains("not a regular file"));
}

TEST_CASE("which settings file") {
  ::unsetenv("UNIONROOT_CONFIG");
  CHECK(settings_file("") == "/etc/unionroot/unionroot.conf");
  ::setenv("UNIONROOT_CONFIG", "/x.conf", 1);
  CHECK(settings_file("") == "/x.conf");
  CHECK(settings_file("/y.conf") == "/y.conf");
  ::unsetenv("UNIONROOT_CONFIG");
}

TEST_CASE("values") {
  CHECK(parse_bytes("512k") == 512u << 10);
  CHECK(parse_bytes("8388607T") == 8388607ull << 40);
  for (const std::string bad : {"", "K", "0", "1.5G", "8388608T", "18446744073709551616", "1GB", " 1", "+1"})
    CHECK_FALSE(parse_bytes(bad));
  CHECK(parse_size("100%")->percent == 100);
  for (const std::string bad : {"%", "0%", "101%", "-1%"}) CHECK_FALSE(parse_size(bad));
  CHECK(path_fault("/a//b/").empty());
  CHECK(path_fault("/a/..b").empty());
  CHECK_FALSE(path_fault("/a/..").empty());
  CHECK_FALSE(path_fault("/" + std::string(256, 'a')).empty());
  CHECK_FALSE(path_fault("").empty());
  CHECK(lies_under("/a//b", "/a"));
  CHECK(lies_under("/a/./x/../b", "/a/"));
  CHECK_FALSE(lies_under("/a/../b", "/a"));
  CHECK_FALSE(lies_under("/ab", "/a"));
  CHECK(valid_host_name("a-b.c"));
  for (const std::string bad : {"", "-a", "a.", "a..b", "a/b"}) CHECK_FALSE(valid_host_name(bad));
  CHECK(valid_user_data_key("a.b-c"));
  for (const std::string bad : {"a", "a.", ".a", "a-b.c", "a.B", "1.a"}) CHECK_FALSE(valid_user_data_key(bad));
}
