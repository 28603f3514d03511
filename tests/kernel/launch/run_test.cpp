#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "kernel/network.h"
#include "session_tree.h"
#include "skip.h"

using namespace unionroot;
using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Kind = terminal::Outcome::Kind;

namespace {

Result shell(const SessionTree& tree, const std::string& script) { return run(tree, command({"sh", "-c", script})); }

}  // namespace

TEST_CASE("the exit status is the command's own") {
  const SessionTree tree;
  CHECK(run(tree, command({"true"})).outcome.exit_status() == 0);
  CHECK(run(tree, command({"false"})).outcome.exit_status() == 1);
  const Result three = shell(tree, "exit 3");
  CHECK(three.outcome.kind == Kind::exited);
  CHECK(three.outcome.value == 3);
  CHECK(three.end == exited(3));
  const Result killed = shell(tree, "kill -9 $$");
  CHECK(killed.outcome.kind == Kind::killed);
  CHECK(killed.outcome.value == 9);
  CHECK(killed.outcome.exit_status() == 137);
  CHECK(killed.end == test::killed(SIGKILL));
}

TEST_CASE("a command that cannot be executed says why") {
  const SessionTree tree;
  tree.write("tmp/plain", "#!/bin/sh\n", 0644);
  tree.write("tmp/nointerpreter", "#!/no/such/shell\n", 0755);
  tree.write("tmp/script", "echo \"script $0 $1\"; exit 4\n", 0755);
  tree.write("tmp/binary",
             std::string("\x7f"
                         "ELF\0\0\0",
                         7),
             0755);

  const Result missing = run(tree, command({"no-such-command"}));
  CHECK(missing.outcome.kind == Kind::failed);
  CHECK(missing.outcome.exit_status() == 127);
  CHECK(missing.end == not_started(127));
  CHECK(missing.outcome.text == "cannot execute 'no-such-command': command not found");
  CHECK_THAT(missing.outcome.hint, Contains("PATH"));
  CHECK(run(tree, command({"/no/such/file"})).outcome.text ==
        "cannot execute '/no/such/file': No such file or directory");
  CHECK(run(tree, command({"/no/such/file"})).outcome.exit_status() == 127);
  CHECK(run(tree, command({"/etc/passwd/x"})).outcome.exit_status() == 127);

  const Result plain = run(tree, command({"/tmp/plain"}));
  CHECK(plain.outcome.exit_status() == 126);
  CHECK(plain.outcome.text == "cannot execute '/tmp/plain': Permission denied");
  CHECK_THAT(plain.outcome.hint, Contains("permission to execute"));
  CHECK(run(tree, command({"/tmp"})).outcome.exit_status() == 126);
  const Result interpreter = run(tree, command({"/tmp/nointerpreter"}));
  CHECK(interpreter.outcome.exit_status() == 126);
  CHECK_THAT(interpreter.outcome.text, Contains("interpreter"));
  const Result binary = run(tree, command({"/tmp/binary"}));
  CHECK(binary.outcome.exit_status() == 126);
  CHECK_THAT(binary.outcome.text, Contains("Exec format error"));

  const Result script = run(tree, command({"/tmp/script", "one"}));
  CHECK(script.outcome.exit_status() == 4);
  CHECK(script.output == "script /tmp/script one\n");
  CHECK_THAT(run(tree, command({"a\x1b[2J"})).outcome.text, Contains("'a?[2J'"));
}

TEST_CASE("the command is looked up in the PATH of its own environment, inside") {
  const SessionTree tree;
  REQUIRE(::mkdirat(tree.root(), "tmp/a", 0755) == 0);
  REQUIRE(::mkdirat(tree.root(), "tmp/b", 0755) == 0);
  tree.write("tmp/a/tool", "not executable", 0644);
  tree.write("tmp/b/tool", "#!/bin/sh\necho b\n", 0755);
  launch::LaunchSpec spec = command({"tool"});
  spec.environment = {"PATH=/nowhere:/etc/passwd:/tmp/a:/tmp/b"};
  CHECK(run(tree, spec).output == "b\n");
  spec.environment = {"PATH=/tmp/a"};
  CHECK(run(tree, spec).outcome.exit_status() == 126);
  spec.environment = {"PATH=" + std::string(3 * PATH_MAX, 'x')};
  CHECK(run(tree, spec).outcome.exit_status() == 127);
  spec.directories = {"/tmp/b"};
  spec.environment = {"PATH="};
  CHECK(run(tree, spec).output == "b\n");
}

TEST_CASE("arguments, environment and streams arrive as they are") {
  const SessionTree tree;
  launch::LaunchSpec spec = command({"sh", "-c", "echo $#; cat; echo \"$A\" >&2", "sh"});
  spec.arguments.resize(1004, "an argument with blanks");
  spec.environment.push_back("A=x\ny");
  const Result result = run(tree, spec, {.cgroup = nullptr, .network = -1, .input = "from standard input\n"});
  CHECK(result.output == "1000\nfrom standard input\nx\ny\n");
  CHECK(result.outcome.exit_status() == 0);
  CHECK(run(tree, command({"printf", "<%s>", "", "$HOME", "*"})).output == "<><$HOME><*>");
  spec = command({"/bin/sh", "-c", "echo $0"});
  spec.login_shell = true;
  spec.arguments = {"/bin/cat", "/proc/self/cmdline"};
  CHECK(run(tree, spec).output == std::string("-cat\0/proc/self/cmdline\0", 24));
}

TEST_CASE("the command has three descriptors, a session of its own and clean signals") {
  const SessionTree tree;
  CHECK(shell(tree, "ls /proc/$$/fd").output == "0\n1\n2\n");
  CHECK(shell(tree, "set -- $(cat /proc/$$/stat); test $6 = $$ && test $5 = $$").outcome.exit_status() == 0);
  const Result status = run(tree, command({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
  CHECK(status.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  CHECK_THAT(shell(tree, "echo x >/etc/passwd").output, Contains("Read-only"));
}

TEST_CASE("a user has only what belongs to a user") {
  const SessionTree tree;
  launch::LaunchSpec spec =
      command({"sh", "-c",
               "id -u; id -g; id -G; umask; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status; ulimit -n; ulimit -Hn"});
  spec.uid = 12345;
  spec.gid = 2345;
  spec.groups = {2345, 5};
  spec.umask = 027;
  spec.limits = {{RLIMIT_NOFILE, {33, 44}}};
  const Result result = run(tree, spec);
  CHECK(result.output ==
        "12345\n2345\n2345 5\n0027\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
        "CapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n33\n44\n");
  spec.arguments = {"cat", "/etc/shadow"};
  CHECK(run(tree, spec).outcome.exit_status() == 1);
  spec.groups.clear();
  spec.arguments = {"id", "-G"};
  CHECK(run(tree, spec).output == "2345\n");
}

TEST_CASE("the directory is entered as the user, the first that works") {
  const SessionTree tree;
  REQUIRE(::mkdirat(tree.root(), "tmp/private", 0700) == 0);
  launch::LaunchSpec spec = command({"pwd"});
  spec.directories = {"/usr/bin"};
  CHECK(run(tree, spec).output == "/usr/bin\n");
  spec.directories = {"/no/such/place"};
  const Result missing = run(tree, spec);
  CHECK(missing.outcome.kind == Kind::failed);
  CHECK(missing.outcome.exit_status() == 125);
  CHECK(missing.outcome.text ==
        "cannot change to the directory '/no/such/place' in the session: No such file or directory");
  CHECK_THAT(missing.outcome.hint, Contains("--directory"));
  spec.directories = {"/tmp/private"};
  CHECK(run(tree, spec).outcome.exit_status() == 0);
  spec.uid = 12345;
  CHECK_THAT(run(tree, spec).outcome.text, Contains("Permission denied"));
  spec.directories = {"/tmp/private", "/nowhere", "/usr", "/"};
  CHECK(run(tree, spec).warnings.empty());
  spec.directory_fallback = true;
  const Result fallback = run(tree, spec);
  CHECK(fallback.output == "/usr\n");
  CHECK(fallback.warnings == "falling back to the directory '/usr'");
  spec.directories = {"/usr"};
  CHECK(run(tree, spec).warnings.empty());
  spec.directories.clear();
  CHECK(run(tree, spec).outcome.exit_status() == 125);
}

TEST_CASE("a run in a new network has its loopback, up, and nothing else") {
  const SessionTree tree;
  launch::LaunchSpec spec = command({"sh", "-c",
                                     "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; cat /proc/net/route | "
                                     "wc -l; exec bash -c 'echo > /dev/tcp/127.0.0.1/9'"});
  const auto network = kernel::new_network();
  CHECK(kernel::is_of_own_user_namespace(network.get()));
  test::RunOptions options;
  options.network = network.get();
  const Result result = run(tree, spec, options);
  CHECK_THAT(result.output, Contains("lo\n") && !Contains("eth"));
  CHECK_THAT(result.output, Contains("Connection refused"));  // up: else "Network is unreachable"
}

TEST_CASE("a run may have a host name of its own") {
  utsname names{};
  ::uname(&names);
  const std::string of_the_host = names.nodename;
  const SessionTree tree;
  launch::LaunchSpec spec = command({"cat", "/proc/sys/kernel/hostname"});
  CHECK(run(tree, spec).output == of_the_host + "\n");
  spec.host_name = "inside.example";
  CHECK(run(tree, spec).output == "inside.example\n");
  // As a user too, and what root makes of it is nobody else's.
  spec.uid = spec.gid = 65534;
  CHECK(run(tree, spec).output == "inside.example\n");
  spec.uid = spec.gid = 0;
  spec.arguments = {"sh", "-c", "echo another >/proc/sys/kernel/hostname; cat /proc/sys/kernel/hostname"};
  CHECK(run(tree, spec).output == "another\n");
  ::uname(&names);
  CHECK(names.nodename == of_the_host);
}

TEST_CASE("the personality is set") {
  const SessionTree tree;
  launch::LaunchSpec spec = command({"cat", "/proc/self/personality"});
  CHECK(run(tree, spec).output == "00000000\n");
  spec.personality = 0x0040000;  // ADDR_NO_RANDOMIZE
  CHECK(run(tree, spec).output == "00040000\n");
}

TEST_CASE("a program that the limits forbid fails alone") {
  const SessionTree tree;
  launch::LaunchSpec spec = command({"true"});
  spec.limits = {{RLIMIT_NOFILE, {0, 0}}};
  CHECK(run(tree, spec).outcome.exit_status() != 0);  // the dynamic loader cannot open a library
  spec.limits = {{999, {1, 1}}};
  const Result bad = run(tree, spec);
  CHECK(bad.outcome.exit_status() == 125);
  CHECK(bad.outcome.text == "starting 'true': setting the resource limits: Invalid argument");
  spec.limits.clear();
  spec.arguments.resize(30, std::string(130000, 'x'));
  const Result big = run(tree, spec);
  CHECK(big.outcome.exit_status() == 126);
  CHECK_THAT(big.outcome.text, Contains("Argument list too long"));
}

TEST_CASE("nothing keeps a pipe open once the command has closed it") {
  const SessionTree tree;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  base::UniqueFd from(ends[0]);
  base::UniqueFd to(ends[1]);
  launch::LaunchDescriptors descriptors;
  descriptors.standard[1] = to.get();
  descriptors.mount_namespace = tree.descriptor();
  auto launched = test::start(command({"sh", "-c", "echo done; exec >/dev/null; sleep 600"}), descriptors);
  to.reset();
  CHECK(base::read_all(from.get(), "pipe") == "done\n");  // ends although the command goes on
  launched.hold.reset();
  launched.control.reset();  // ends it
  CHECK(ended(launched) == killed(SIGHUP));
}

TEST_CASE("nothing is executed before the run is recorded") {
  const SessionTree tree;
  launch::LaunchDescriptors descriptors;
  descriptors.mount_namespace = tree.descriptor();
  const auto launch = [&] {
    auto launched = launcher().launch(command({"sh", "-c", "echo ran >/tmp/ran"}), descriptors);
    launched.hold.reset();
    return launched;
  };
  const auto ran = [&] { return shell(tree, "cat /tmp/ran").output == "ran\n"; };
  auto given_up = launch();
  CHECK_FALSE(ended(given_up, 100));  // it waits
  CHECK_FALSE(ran());
  given_up.control.reset();  // the daemon could not record it, or died
  CHECK(ended(given_up) == not_started(125));
  CHECK_FALSE(ran());

  const auto wanted = launch();
  wanted.go();
  CHECK(ended(wanted) == exited(0));
  CHECK(ran());
}

TEST_CASE("the helper is refused unless it is root's own") {
  tests::require_root("to give files away");
  CHECK_THROWS_WITH(launch::Launcher("/no/such/helper"), Contains("/no/such/helper") && Contains("No such file"));
  CHECK_THROWS_WITH(launch::Launcher("/usr"), Contains("not a regular file"));
  CHECK_THROWS_WITH(launch::Launcher("/etc/passwd"), Contains("not executable"));
  char path[] = "/tmp/unionroot-helper-XXXXXX";
  const base::UniqueFd file(::mkostemp(path, O_CLOEXEC));
  REQUIRE(file);
  REQUIRE(::fchmod(file.get(), 0777) == 0);
  CHECK_THROWS_WITH(launch::Launcher(path), Contains("written by others"));
  REQUIRE(::fchown(file.get(), 12345, 0) == 0);
  REQUIRE(::fchmod(file.get(), 0755) == 0);
  CHECK_THROWS_WITH(launch::Launcher(path), Contains("not owned by root"));
  // Not a program at all: known only when it is started.
  REQUIRE(::fchown(file.get(), 0, 0) == 0);
  const SessionTree tree;
  launch::LaunchDescriptors descriptors;
  descriptors.mount_namespace = tree.descriptor();
  launch::Launcher broken(path);
  CHECK_THROWS_WITH(broken.launch(command({"true"}), descriptors), Contains("executing unionroot-helper"));
  CHECK(::unlink(path) == 0);
}

TEST_CASE("a network that cannot be entered is told as such") {
  const SessionTree tree;
  test::RunOptions options;
  options.network = tree.descriptor();  // of another kind
  const Result result = run(tree, command({"true"}), options);
  CHECK(result.outcome.exit_status() == 125);
  CHECK(result.outcome.text == "starting 'true': entering its network: Invalid argument");
  CHECK_THAT(result.outcome.hint, StartsWith("ask from a process"));
}

TEST_CASE("a namespace that is none is told as such") {
  const base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  launch::LaunchDescriptors descriptors;
  CHECK_THROWS_AS(launcher().launch(command({"true"}), descriptors), base::Error);
  descriptors.mount_namespace = null.get();
  auto launched = test::start(command({"true"}), descriptors);
  launched.hold.reset();
  const auto outcome = terminal::relay_run(std::move(launched.control), false, {});
  CHECK(outcome.exit_status() == 125);
  CHECK(outcome.text == "starting 'true': entering the session's mount namespace: Invalid argument");
  launch::reap(launched.pidfd.get());
}
