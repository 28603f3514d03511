#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "session_tree.h"

using namespace unionroot;
using namespace test;
using Catch::Matchers::Contains;

namespace {

launch::LaunchSpec on_terminal(std::vector<std::string> arguments) {
  launch::LaunchSpec spec = command(std::move(arguments));
  spec.terminal = true;
  spec.rows = 31;
  spec.columns = 97;
  spec.environment.push_back("TERM=dumb");
  spec.environment.push_back("PS1=$ ");
  return spec;
}

// A person at a terminal: a client process whose standard streams are a pseudo-terminal that the test types on.
class Person {
 public:
  Person(const SessionTree& tree, const launch::LaunchSpec& spec, const Cgroup* cgroup = nullptr) {
    launch::LaunchDescriptors descriptors;
    descriptors.mount_namespace = tree.descriptor();
    descriptors.root = tree.root();
    if (cgroup != nullptr) descriptors.cgroup = cgroup->descriptor();
    launched_ = test::start(spec, descriptors);
    launched_.hold.reset();
    winsize size{31, 97, 0, 0};
    int master = -1;
    client_ = ::forkpty(&master, nullptr, nullptr, &size);
    REQUIRE(client_ >= 0);
    if (client_ == 0) ::_exit(terminal::relay(std::move(launched_.control), true));
    launched_.control.reset();
    keyboard_.reset(master);
  }
  Person(const Person&) = delete;
  Person& operator=(const Person&) = delete;
  ~Person() {
    if (client_ <= 0) return;
    ::kill(client_, SIGKILL);
    ::waitpid(client_, nullptr, 0);
  }

  void type(const std::string& text) {
    REQUIRE(::write(keyboard_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  // Reads until the text has come; false after a minute without it.
  bool sees(const std::string& text) {
    while (screen_.find(text) == std::string::npos)
      if (!read_more(patience)) return false;
    return true;
  }
  int finish() {
    while (read_more(patience)) {
    }
    int status = 0;
    ::waitpid(client_, &status, 0);
    client_ = 0;
    CHECK(test::has_ended(launched_, patience));
    return status;
  }
  [[nodiscard]] const std::string& screen() const { return screen_; }
  void forget() { screen_.clear(); }
  [[nodiscard]] bool is_raw() const {
    termios mode{};
    ::tcgetattr(keyboard_.get(), &mode);
    return (mode.c_lflag & (ICANON | ECHO)) == 0;
  }
  void resize(unsigned short rows, unsigned short columns) {
    winsize size{rows, columns, 0, 0};
    REQUIRE(::ioctl(keyboard_.get(), TIOCSWINSZ, &size) == 0);
  }
  [[nodiscard]] pid_t client() const { return client_; }
  [[nodiscard]] const launch::LaunchedRun& launched() const { return launched_; }

 private:
  bool read_more(int milliseconds) {
    pollfd ready{keyboard_.get(), POLLIN, 0};
    if (::poll(&ready, 1, milliseconds) != 1) return false;
    char buffer[4096];
    const ssize_t size = ::read(keyboard_.get(), buffer, sizeof buffer);
    if (size <= 0) return false;  // EIO: the client has ended
    screen_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }

  launch::LaunchedRun launched_;
  pid_t client_ = -1;
  base::UniqueFd keyboard_;
  std::string screen_;
};

// A shell that runs `program` again and again stops when its client is asked to, and is continued by it.
void check_asked_to_stop(const SessionTree& tree, const std::string& program) {
  Person person(
      tree,
      on_terminal(
          {"sh", "-c", base::concat("trap 'echo continued; exit 8' CONT; echo up; while :; do ", program, "; done")}));
  REQUIRE(person.sees("up"));
  ::kill(person.client(), SIGTSTP);
  REQUIRE(person.sees("continued"));
  REQUIRE(WEXITSTATUS(person.finish()) == 8);
}

}  // namespace

TEST_CASE("a run on a terminal has it as its controlling terminal, from the session's own devpts") {
  const SessionTree tree;
  launch::LaunchSpec spec =
      on_terminal({"sh", "-c", "tty; stty size; echo over >/dev/tty; stat -c '%u %G %a' $(tty); exit 6"});
  spec.uid = 12345;
  spec.gid = 2345;
  Person person(tree, spec);
  const int status = person.finish();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 6);
  CHECK(person.screen() == "/dev/pts/0\r\n31 97\r\nover\r\n12345 tty 620\r\n");
}

TEST_CASE("an interactive shell has job control, ^C and resizing") {
  const SessionTree tree;
  Person person(tree, on_terminal({"bash", "--norc", "--noprofile", "-i"}));
  REQUIRE(person.sees("$ "));
  CHECK(person.is_raw());
  person.forget();
  // So long as no other program on the machine sleeps.
  const std::string sleep = base::concat("sleep ", 1'000'000 + ::getpid());
  person.type(sleep + "\r");
  REQUIRE(person.sees(sleep + "\r\n"));
  REQUIRE(eventually([&] { return in_foreground(sleep); }));
  person.type("\x03");
  person.type("echo status=$?\r");
  CHECK(person.sees("status=130"));
  person.forget();
  person.type(sleep + "\r");
  REQUIRE(person.sees(sleep + "\r\n"));
  REQUIRE(eventually([&] { return in_foreground(sleep); }));
  person.type("\x1a");
  CHECK(person.sees("Stopped"));
  person.type("kill %1; wait; echo job-done\r");
  CHECK(person.sees("job-done\r\n"));
  person.forget();
  person.resize(50, 120);
  person.type("until test \"$(stty size)\" = '50 120'; do sleep 0.05; done; echo re''sized\r");
  CHECK(person.sees("\r\nresized\r\n"));
  person.type("exit 7\r");
  const int status = person.finish();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK_THAT(person.screen(), !Contains("no job control"));
}

TEST_CASE("a command that stops goes on at once where no shell could continue its client") {
  const SessionTree tree;
  // The client leads a session of its own here, as in a window that runs it alone.
  Person person(tree,
                on_terminal({"sh", "-c", "trap 'echo continued' CONT; echo up; kill -TSTP $$; echo past; exit 4"}));
  REQUIRE(person.sees("up"));
  CHECK(person.sees("continued"));
  CHECK(person.sees("past"));
  CHECK(WEXITSTATUS(person.finish()) == 4);
}

TEST_CASE("a client that is asked to stop lets its command stop first") {
  const SessionTree tree;
  check_asked_to_stop(tree, "sleep 0.1");
}

TEST_CASE("a command that waits for a child it has begun is stopped too, though it does not say so") {
  const SessionTree tree;
  // vfork(2): a shell is not stopped while its child, which is, has not yet begun its program.
  for (int round = 0; round < 20; ++round) check_asked_to_stop(tree, "/bin/true");
}

TEST_CASE("a command that was stopped on its terminal dies with its client") {
  const SessionTree tree;
  Person person(tree, on_terminal({"sh", "-c", "echo pid=$$=; kill -STOP $$; exec sleep 600"}));
  REQUIRE(person.sees("=\r\n"));
  ::kill(person.client(), SIGKILL);
  CHECK(test::ended(person.launched()) == test::killed(SIGHUP));
}

TEST_CASE("all that a command wrote before it ended is seen") {
  const SessionTree tree;
  Person person(tree, on_terminal({"sh", "-c", "seq 1 50000; echo last-line"}));
  const int status = person.finish();
  CHECK(WEXITSTATUS(status) == 0);
  CHECK_THAT(person.screen(), Contains("\r\n25000\r\n") && Catch::Matchers::EndsWith("50000\r\nlast-line\r\n"));
  CHECK(person.screen().size() == 338905);
}

TEST_CASE("the terminal is restored when the client is asked to end, and the run ends") {
  const SessionTree tree;
  for (const int number : {SIGTERM, SIGHUP}) {
    const Cgroup cgroup;  // a new one each time: what is born in a group that was killed dies at birth
    Person person(tree, on_terminal({"sh", "-c", "echo up; exec sleep 600"}), cgroup.available() ? &cgroup : nullptr);
    REQUIRE(person.sees("up"));
    REQUIRE(person.is_raw());
    ::kill(person.client(), number);
    CHECK(eventually([&] { return !person.is_raw(); }));
    const int end = person.finish();
    CHECK(WIFSIGNALED(end));
    CHECK(WTERMSIG(end) == number);
  }
}

TEST_CASE("a client that is killed takes its interactive shell along") {
  const SessionTree tree;
  Person person(tree, on_terminal({"bash", "--norc", "-i"}));
  REQUIRE(person.sees("$ "));
  person.type("sleep 600 & echo pid=$!=\r");
  REQUIRE(person.sees("pid="));
  REQUIRE(eventually([&] { return person.sees("=\r\n"); }));
  ::kill(person.client(), SIGKILL);
  const auto end = test::ended(person.launched());
  REQUIRE(end);
  CHECK(end->how != kernel::ProcessEnd::How::unknown);
}

TEST_CASE("a program that cannot start on a terminal leaves it as it was") {
  const SessionTree tree;
  Person person(tree, on_terminal({"no-such-command"}));
  const int status = person.finish();
  CHECK(WEXITSTATUS(status) == 127);
  CHECK_THAT(person.screen(), Contains("E: cannot execute 'no-such-command': command not found") && Contains("I: "));
}

TEST_CASE("a session without a devpts has a terminal of the host's; what stands in its place is not opened") {
  const SessionTree tree;
  // The tree's owner puts something else there.
  launch::LaunchSpec cover = command({"sh", "-c", "umount /dev/pts && mkfifo /dev/pts/ptmx"});
  REQUIRE(run(tree, cover).outcome.exit_status() == 0);
  const std::vector<std::string> look = {"sh", "-c", "test -t 0 && test -t 1 && echo on a terminal"};
  Person person(tree, on_terminal(look));
  CHECK(WEXITSTATUS(person.finish()) == 0);
  CHECK_THAT(person.screen(), Contains("on a terminal"));
  // A symlink is not followed, wherever it leads.
  launch::LaunchSpec link =
      command({"sh", "-c", "rm /dev/pts/ptmx && rmdir /dev/pts && ln -s /proc/1/root/dev/pts /dev/pts"});
  REQUIRE(run(tree, link).outcome.exit_status() == 0);
  Person other(tree, on_terminal(look));
  CHECK(WEXITSTATUS(other.finish()) == 0);
  CHECK_THAT(other.screen(), Contains("on a terminal"));
}
