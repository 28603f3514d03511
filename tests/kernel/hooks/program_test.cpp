// One program of the host's, and everything that it starts, with control groups and without.
#include "session/hooks/program.h"

#include <signal.h>
#include <sys/prctl.h>

#include <atomic>
#include <chrono>

#include "../mount/fixture.h"
#include "mount/host_copy.h"

using namespace unionroot;
using namespace unionroot::tests;
using namespace std::chrono_literals;
using How = session::ProgramEnd::How;

namespace {

class NoCgroups : public kernel::Cgroups {
 public:
  [[nodiscard]] bool available() const override { return false; }
  [[nodiscard]] std::string description() const override { return "a test has none"; }
  UniqueFd create(const std::string&, const std::string&) override { return {}; }
  [[nodiscard]] UniqueFd open(const std::string&, const std::string&) const override { return {}; }
  void kill(const std::string&, const std::string&, std::chrono::milliseconds) override {}
  void remove(const std::string&, const std::string&) override {}
  [[nodiscard]] std::vector<std::string> sessions() const override { return {}; }
  [[nodiscard]] std::vector<std::string> runs_outside(const std::string&) const override { return {}; }
  kernel::RunGroup create_run(const std::string&, const std::string&, const std::optional<std::string>&,
                              bool) override {
    return {};
  }
  [[nodiscard]] std::vector<pid_t> processes(const std::string&) const override { return {}; }
};

struct Fixture {
  Place place;
  std::unique_ptr<kernel::Cgroups> groups = kernel::real_cgroups("test-" + base::random_token());
  NoCgroups none;
  std::unique_ptr<mount::HostCopy> copy;
  std::string output, errors;

  Fixture() {
    base::check(::mkdir(place.path("/view").c_str(), 0755), "making the place");
    copy = std::make_unique<mount::HostCopy>(
        factory(), mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, false),
        place.path("/view"));
  }

  [[nodiscard]] session::ProgramPlace there() const {
    return {[this](const auto& action) { copy->visit(action); }, copy->inode()};
  }

  session::Program shell(const std::string& script) {
    session::Program program;
    program.path = "/bin/sh";
    program.arguments = {"-c", script};
    program.environment = {"PATH=/usr/bin:/bin", "PLACE=" + place.path()};
    program.session = "s";
    program.limit = 120s;
    program.line = [this](bool to_errors, const std::string& line) { (to_errors ? errors : output) += line + "\n"; };
    return program;
  }
  kernel::Cgroups& with_groups(bool wanted) {
    if (!wanted) return none;
    if (!groups->available()) tests::skip(groups->description());
    return *groups;
  }
};

kernel::ProcessEnd exited(int status) { return {kernel::ProcessEnd::How::exited, status}; }

// A number of seconds that is this program's own, whatever else runs on the machine.
std::string own_seconds(int number) { return std::to_string(1'000'000 + 10 * ::getpid() + number); }

// The processes that sleep for so many seconds.
std::size_t sleepers(const std::string& seconds) {
  std::size_t count = 0;
  for (const auto& name : kernel::list_directory(kernel::open_directory("/proc").get())) {
    const auto text = base::try_read_file("/proc/" + name + "/cmdline");
    if (text && *text == std::string("sleep\0", 6) + seconds + '\0') ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a program's lines, environment and end") {
  require_mounts();
  for (const bool grouped : {true, false}) {
    Fixture fixture;
    auto program = fixture.shell("echo one; echo two >&2; cat \"$PLACE/view/etc/issue\"; printf three; exit 7");
    const auto end = run_program(program, fixture.there(), fixture.with_groups(grouped));
    CHECK(end.how == How::ended);
    CHECK(end.end == exited(7));
    CHECK(fixture.output == "one\nlower\nthree\n");
    CHECK(fixture.errors == "two\n");
  }
}

TEST_CASE("what it leaves running, in whatever session, is killed") {
  require_mounts();
  for (const bool grouped : {true, false}) {
    Fixture fixture;
    const auto end = run_program(fixture.shell(concat("setsid sleep ", own_seconds(1), " & (sleep ", own_seconds(1),
                                                      " >/dev/null 2>&1 </dev/null &) ; sleep 0.2")),
                                 fixture.there(), fixture.with_groups(grouped));
    CHECK(end.end.succeeded());
    CHECK(sleepers(own_seconds(1)) == 0);
  }
}

TEST_CASE("one that takes too long, or is cancelled, is killed with all it started") {
  require_mounts();
  for (const bool grouped : {true, false}) {
    Fixture fixture;
    auto program =
        fixture.shell(concat("trap '' TERM HUP INT; setsid sleep ", own_seconds(2), " & sleep ", own_seconds(2)));
    program.limit = 300ms;
    CHECK(run_program(program, fixture.there(), fixture.with_groups(grouped)).how == How::over_limit);
    CHECK(sleepers(own_seconds(2)) == 0);
    program.limit = 120s;
    int asked = 0;
    program.cancelled = [&] { return ++asked > 2; };
    CHECK(run_program(program, fixture.there(), fixture.with_groups(grouped)).how == How::cancelled);
    CHECK(sleepers(own_seconds(2)) == 0);
    program = fixture.shell("kill -KILL $$");
    const auto end = run_program(program, fixture.there(), fixture.with_groups(grouped));
    CHECK(end.how == How::ended);
    CHECK(end.end == kernel::ProcessEnd{kernel::ProcessEnd::How::killed, SIGKILL});
  }
}

TEST_CASE("what is written beyond the limit is dropped, and does not stop the writer") {
  require_mounts();
  Fixture fixture;
  const auto end = run_program(fixture.shell("head -c 1000000 /dev/zero | tr '\\0' x; seq 100000 >&2; exit 3"),
                               fixture.there(), fixture.with_groups(true));
  CHECK(end.end == exited(3));
  CHECK(fixture.output.size() < 1000);  // one line, cut
  CHECK(fixture.errors.size() < 70'000);
  CHECK(fixture.errors.find("... and more, which is dropped\n") != std::string::npos);
}

TEST_CASE("a group that a former program left is no hindrance") {
  require_mounts();
  Fixture fixture;
  fixture.with_groups(true);
  CHECK(fixture.groups->create("s", "hook"));
  CHECK(run_program(fixture.shell("exit 5"), fixture.there(), *fixture.groups).end == exited(5));
  CHECK(fixture.groups->sessions().empty());
}

TEST_CASE("a program that cannot be executed leaves nothing") {
  require_mounts();
  Fixture fixture;
  auto program = fixture.shell("");
  program.path = fixture.place.path("/none");
  CHECK_THROWS_AS(run_program(program, fixture.there(), fixture.with_groups(true)), base::SystemError);
  CHECK(fixture.groups->sessions().empty());
  program.environment.push_back("BIG=" + std::string(200'000, 'x'));
  CHECK_THROWS_AS(run_program(program, fixture.there(), fixture.with_groups(true)), base::Error);
  CHECK(fixture.groups->sessions().empty());
}
