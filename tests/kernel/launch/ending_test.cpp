#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/fault_delay.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "launch/control.h"
#include "most_files.h"
#include "session_tree.h"

using namespace unionroot;
using namespace test;
using launch::control::Message;
using launch::control::Type;
using Kind = terminal::Outcome::Kind;

namespace {

launch::LaunchedRun start(const SessionTree& tree, const std::vector<std::string>& arguments, const Cgroup* cgroup,
                          const std::vector<int>& locks = {}) {
  launch::LaunchDescriptors descriptors;
  descriptors.mount_namespace = tree.descriptor();
  if (cgroup != nullptr) descriptors.cgroup = cgroup->descriptor();
  descriptors.session_locks = locks;
  launch::LaunchedRun launched = test::start(command(arguments), descriptors);
  launched.hold.reset();
  return launched;
}

// The first that a client hears, if there is no warning.
void wait_until_started(const launch::LaunchedRun& launched) {
  Message message{};
  REQUIRE(::recv(launched.control.get(), &message, sizeof message, 0) > 0);
  CHECK(message.type == Type::started);
}

void send(const launch::LaunchedRun& launched, Type type, std::uint32_t value) {
  Message message{};
  message.type = type;
  message.value = value;
  REQUIRE(::send(launched.control.get(), &message, offsetof(Message, text) + 1, MSG_NOSIGNAL) > 0);
}

bool alive(const std::string& pid_text) {
  return !pid_text.empty() && base::process_start_time(static_cast<pid_t>(std::stol(pid_text))).has_value();
}

// A process that ignores everything, in a session of its own, and notes its pid.
constexpr const char* stubborn =
    "setsid sh -c 'trap \"\" HUP TERM INT; echo $$ >/tmp/stubborn; while :; do sleep 1; done' & "
    "while ! test -s /tmp/stubborn; do sleep 0.01; done; ";

void client_death_kills_all(const Cgroup* cgroup) {
  const SessionTree tree;
  std::string script = stubborn;
  script += "echo $$ >/tmp/main; exec sleep 600";
  auto launched = start(tree, {"sh", "-c", script}, cgroup);
  REQUIRE(eventually([&] { return !tree.read("tmp/main").empty(); }));
  const std::string pid = tree.read("tmp/stubborn");
  REQUIRE(alive(pid));
  launched.control.reset();
  CHECK(ended(launched) == killed(SIGHUP));
  CHECK(eventually([&] { return !alive(pid); }));
  CHECK(eventually([&] { return !alive(tree.read("tmp/main")); }));
}

}  // namespace

TEST_CASE("when the client dies, all of the run dies: with a control group") {
  const Cgroup cgroup;
  cgroup.require();
  client_death_kills_all(&cgroup);
  CHECK(eventually([&] { return cgroup.processes().empty(); }));
}

TEST_CASE("when the client dies, all of the run dies: without a control group") { client_death_kills_all(nullptr); }

TEST_CASE("a command that ignores the hang-up is killed after two seconds") {
  const Cgroup cgroup;
  for (const Cgroup* group : {cgroup.available() ? &cgroup : nullptr, static_cast<const Cgroup*>(nullptr)}) {
    // On a busy machine two seconds may be too short for the shell to write down that it was asked to end.
    std::string asked;
    for (int attempt = 0; attempt < 5 && asked.empty(); ++attempt) {
      const SessionTree tree;
      auto launched = start(
          tree,
          {"sh", "-c", "trap 'echo term >/tmp/term' TERM; trap '' HUP; echo x >/tmp/up; while :; do sleep 0.05; done"},
          group);
      REQUIRE(eventually([&] { return !tree.read("tmp/up").empty(); }));
      const auto begun = std::chrono::steady_clock::now();
      launched.control.reset();
      CHECK(ended(launched) == killed(SIGKILL));
      CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(1900));
      asked = tree.read("tmp/term");
    }
    CHECK(asked == "term\n");
  }
  cgroup.require();
}

TEST_CASE("a command whose client goes before it is executed is not executed") {
  const SessionTree tree;
  launch::LaunchDescriptors descriptors;
  descriptors.mount_namespace = tree.descriptor();
  auto launched = launcher().launch(command({"sh", "-c", "echo x >/tmp/executed"}), descriptors);
  launched.hold.reset();
  launched.control.reset();
  CHECK(ended(launched) == not_started(125));
  CHECK(tree.read("tmp/executed").empty());
}

TEST_CASE("no descriptor that comes on the control socket is taken") {
  const SessionTree tree;
  auto launched = start(tree, {"sleep", "600"}, nullptr);
  wait_until_started(launched);
  Message message{};
  const auto size = launch::control::fill(message, Type::signal, SIGCONT);
  iovec part{&message, size};
  alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = buffer;
  header.msg_controllen = sizeof buffer;
  cmsghdr* attached = CMSG_FIRSTHDR(&header);
  attached->cmsg_level = SOL_SOCKET;
  attached->cmsg_type = SCM_RIGHTS;
  attached->cmsg_len = CMSG_LEN(sizeof(int));
  const int own = STDIN_FILENO;
  std::memcpy(CMSG_DATA(attached), &own, sizeof own);
  // The kernel refuses it (since 6.16), or the supervisor takes it for a client that has gone.
  if (::sendmsg(launched.control.get(), &header, MSG_NOSIGNAL) < 0) {
    CHECK(errno == EPERM);
    launched.control.reset();
  }
  CHECK(ended(launched) == killed(SIGHUP));
}

TEST_CASE("a stopped command dies with its client too") {
  const SessionTree tree;
  auto launched = start(tree, {"sh", "-c", "echo $$ >/tmp/pid; kill -STOP $$; sleep 600"}, nullptr);
  REQUIRE(eventually([&] {
    const std::string pid = tree.read("tmp/pid");
    return !pid.empty() && state_of(static_cast<pid_t>(std::stol(pid))) == 'T';
  }));
  launched.control.reset();
  CHECK(ended(launched) == killed(SIGHUP));
}

TEST_CASE("background processes go on after a command that ended by itself") {
  const Cgroup cgroup;
  for (const Cgroup* group : {cgroup.available() ? &cgroup : nullptr, static_cast<const Cgroup*>(nullptr)}) {
    const SessionTree tree;
    auto launched = start(tree, {"sh", "-c", "sleep 600 & echo $! >/tmp/pid; exit 5"}, group);
    const auto outcome = terminal::relay_run(std::move(launched.control), false, {});
    CHECK(outcome.exit_status() == 5);
    const std::string pid = tree.read("tmp/pid");
    // The supervisor stays with them. Whoever asks how the command ended is told, again and again.
    CHECK_FALSE(has_ended(launched, 50));
    for (int i = 0; i < 2; ++i) {
      const auto end = launch::read_end(launched.end.get());
      CHECK(end.how == exited(5));
      CHECK(end.left_processes);
    }
    CHECK(alive(pid));
    ::kill(static_cast<pid_t>(std::stol(pid)), SIGKILL);
    CHECK(has_ended(launched, 20000));
  }
  cgroup.require();
}

TEST_CASE("the command is born in its control group, the supervisor is not") {
  const Cgroup cgroup;
  cgroup.require();
  const SessionTree tree;
  auto launched = start(tree, {"sh", "-c", "echo $$ >/tmp/pid; sleep 600"}, &cgroup);
  REQUIRE(eventually([&] { return !tree.read("tmp/pid").empty(); }));
  const std::string members = cgroup.processes();
  CHECK(base::concat("\n", members).find("\n" + tree.read("tmp/pid")) != std::string::npos);
  CHECK(base::concat("\n", members).find(base::concat("\n", launched.supervisor.pid, "\n")) == std::string::npos);
  launched.control.reset();
  CHECK(ended(launched) == killed(SIGHUP));
}

TEST_CASE("signals from the client reach the process group; nonsense is ignored") {
  const SessionTree tree;
  auto launched =
      start(tree, {"sh", "-c", "trap 'exit 42' USR1; echo x >/tmp/up; while :; do sleep 0.05; done"}, nullptr);
  REQUIRE(eventually([&] { return !tree.read("tmp/up").empty(); }));
  for (const std::uint32_t bad : {0U, 32U, 33U, 65U, 1000U, 0xffffffffU}) send(launched, Type::signal, bad);
  send(launched, static_cast<Type>(99), 9);
  send(launched, Type::window_size, 0xffffffffU);
  send(launched, Type::exited, 0);
  REQUIRE(::send(launched.control.get(), "abc", 3, MSG_NOSIGNAL) == 3);
  REQUIRE(::send(launched.control.get(), "", 0, MSG_NOSIGNAL) == 0);
  CHECK_FALSE(ended(launched, 200));
  send(launched, Type::signal, SIGUSR1);
  CHECK(ended(launched) == exited(42));
}

TEST_CASE("a signal sent right before the client goes away is still obeyed") {
  const SessionTree tree;
  auto launched = start(tree, {"sleep", "600"}, nullptr);
  wait_until_started(launched);
  send(launched, Type::signal, SIGKILL);
  launched.control.reset();
  CHECK(ended(launched) == killed(SIGKILL));
}

// One message: with a signal and a shutdown after it, the command could end in between, by itself for the supervisor.
TEST_CASE("a client that asks for it has all of the run killed at once, while it stays") {
  const Cgroup cgroup;
  for (const Cgroup* group : {cgroup.available() ? &cgroup : nullptr, static_cast<const Cgroup*>(nullptr)}) {
    const SessionTree tree;
    std::string script = stubborn;
    script += "trap '' TERM HUP; echo $$ >/tmp/main; while :; do sleep 0.05; done";
    auto launched = start(tree, {"sh", "-c", script}, group);
    REQUIRE(eventually([&] { return !tree.read("tmp/main").empty(); }));
    const std::string pid = tree.read("tmp/stubborn");
    REQUIRE(alive(pid));
    send(launched, Type::kill_all, 0);
    CHECK(ended(launched) == killed(SIGKILL));
    CHECK(eventually([&] { return !alive(pid); }));
  }
  cgroup.require();
}

TEST_CASE("a client that never reads holds up nobody") {
  const SessionTree tree;
  auto launched = start(tree, {"true"}, nullptr);
  CHECK(ended(launched) == exited(0));
}

TEST_CASE("the supervisor heeds no signal but SIGKILL, and its end is told") {
  const SessionTree tree;
  auto launched = start(tree, {"sh", "-c", "echo $$ >/tmp/pid; exec sleep 600"}, nullptr);
  REQUIRE(eventually([&] { return !tree.read("tmp/pid").empty(); }));
  for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGPIPE, SIGUSR1}) ::kill(launched.supervisor.pid, number);
  CHECK(::getsid(launched.supervisor.pid) == launched.supervisor.pid);
  CHECK_FALSE(ended(launched, 100));
  ::kill(launched.supervisor.pid, SIGKILL);
  const auto outcome = terminal::relay_run(std::move(launched.control), false, {});
  CHECK(outcome.kind == Kind::lost);
  CHECK(outcome.exit_status() == 125);
  CHECK(outcome.text == "the session's supervisor ended unexpectedly");
  CHECK(ended(launched) == kernel::ProcessEnd{});  // not of the command
  ::kill(static_cast<pid_t>(std::stol(tree.read("tmp/pid"))), SIGKILL);
}

#ifdef UNIONROOT_FAULT_POINTS
TEST_CASE("a command that is killed as it is told to go leaves nobody waiting") {
  const SessionTree tree;
  for (int i = 0; i < 3; ++i) {
    const Cgroup cgroup;
    cgroup.require();
    // As on a busy machine: a while passes between the word and what is done upon it.
    REQUIRE(::setenv(base::fault_delay_variable, base::concat("300000,", i).c_str(), 1) == 0);
    auto launched = start(tree, {"sleep", "600"}, &cgroup);
    ::unsetenv(base::fault_delay_variable);
    REQUIRE(eventually([&] { return !cgroup.processes().empty(); }));
    cgroup.kill();
    const auto end = ended(launched);
    REQUIRE(end);
    const auto outcome = terminal::relay_run(std::move(launched.control), false, {});
    if (outcome.kind != Kind::failed) {  // it had begun by then
      CHECK(*end == killed(SIGKILL));
      continue;
    }
    CHECK(*end == not_started(125));
    CHECK(outcome.exit_status() == 125);
    CHECK(outcome.text == "starting 'sleep': it was killed before it began");
  }
}
#endif

TEST_CASE("the session's locks are held for as long as the supervisor lives") {
  const SessionTree tree;
  const std::size_t count = GENERATE(1U, 2U, 300U);
  const tests::MostFiles files;
  files.require(2 * count + 50);
  std::vector<base::UniqueFd> locks, others;
  std::vector<int> numbers;
  for (std::size_t i = 0; i < count; ++i) {
    char path[] = "/tmp/unionroot-lock-XXXXXX";
    locks.emplace_back(::mkostemp(path, O_CLOEXEC));
    others.emplace_back(::open(path, O_RDWR | O_CLOEXEC));
    REQUIRE((locks.back() && others.back() && ::unlink(path) == 0));
    REQUIRE(::flock(locks.back().get(), LOCK_EX) == 0);
    numbers.push_back(locks.back().get());
  }
  auto launched = start(tree, {"sleep", "600"}, nullptr, numbers);
  locks.clear();
  for (const auto& other : others) CHECK(::flock(other.get(), LOCK_EX | LOCK_NB) != 0);
  wait_until_started(launched);
  launched.control.reset();
  CHECK(ended(launched) == killed(SIGHUP));
  for (const auto& other : others) CHECK(eventually([&] { return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0; }));
}

TEST_CASE("a signal that came too late does not hide how the command ended") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  launch::LaunchedRun one_side;
  one_side.control.reset(ends[0]);
  launch::LaunchedRun other_side;
  other_side.control.reset(ends[1]);
  send(one_side, Type::started, 1);
  send(one_side, Type::exited, 3);
  send(other_side, Type::signal, SIGTERM);
  one_side.control.reset();  // with that unread: the other side's next read fails
  const auto outcome = terminal::relay_run(std::move(other_side.control), false, {});
  CHECK(outcome.kind == Kind::exited);
  CHECK(outcome.exit_status() == 3);
}

TEST_CASE("while the hold is kept the client waits, and has the status already") {
  const SessionTree tree;
  launch::LaunchDescriptors descriptors;
  descriptors.mount_namespace = tree.descriptor();
  auto launched = test::start(command({"true"}), descriptors);
  CHECK(ended(launched) == exited(0));
  Message message{};
  REQUIRE(::recv(launched.control.get(), &message, sizeof message, 0) > 0);
  CHECK(message.type == Type::started);
  REQUIRE(::recv(launched.control.get(), &message, sizeof message, 0) > 0);
  CHECK(message.type == Type::exited);
  CHECK(::recv(launched.control.get(), &message, sizeof message, MSG_DONTWAIT) == -1);
  launched.hold.reset();
  CHECK(::recv(launched.control.get(), &message, sizeof message, MSG_DONTWAIT) == 0);
}

TEST_CASE("a client passes on the signals it gets") {
  const SessionTree tree;
  auto launched =
      start(tree, {"sh", "-c", "trap 'exit 9' TERM; echo x >/tmp/up; while :; do sleep 0.05; done"}, nullptr);
  REQUIRE(eventually([&] { return !tree.read("tmp/up").empty(); }));
  const pid_t client = ::fork();
  if (client == 0) ::_exit(terminal::relay(std::move(launched.control), false));
  launched.control.reset();
  // Until it waits for signals: before that one would just end it.
  REQUIRE(eventually([&] {
    const auto status = base::try_read_file(base::concat("/proc/", client, "/status"));
    const auto blocked = status ? status->find("SigBlk:\t") : std::string::npos;
    return blocked != std::string::npos &&
           (std::stoull(status->substr(blocked + 8, 16), nullptr, 16) >> (SIGTERM - 1) & 1U) != 0;
  }));
  ::kill(client, SIGTERM);
  int status = 0;
  REQUIRE(::waitpid(client, &status, 0) == client);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 9);
  CHECK(ended(launched) == exited(9));
}
