// The store dies, or fails, at every point where it changes the machine; what is left must be whole.
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "support.h"

using namespace store_test;

namespace {

const std::vector<StageRecord> first = {{1, "source", StageState::done, "{}"}, {2, "view", StageState::starting, "{}"}};
const std::vector<StageRecord> last = {{2, "view", StageState::done, "{}"}};

// This very program again, as the victim below, with a variable that says at which point the fault is. Its wait status.
int run_victim(const std::string& folder, const std::string& fault) {
  std::array<std::string, 4> variables = {fault, "UNIONROOT_FAULT_FROM_START=1", "UNIONROOT_TEST_VICTIM=" + folder,
                                          "PATH=/bin"};
  std::array<char*, 5> environment{};
  for (std::size_t i = 0; i < variables.size(); ++i) environment[i] = variables[i].data();
  std::string program = "/proc/self/exe", filter = "the victim of the crash test";
  std::array<char*, 3> arguments = {program.data(), filter.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw base::SystemError(error, "starting the victim");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

// Where nothing goes wrong. What fails may be tried again, or done without.
std::ptrdiff_t count_points() {
  const Folder folder;
  const auto log = folder.path() + "/points";
  REQUIRE(run_victim(folder.path(), "UNIONROOT_FAULT_LOG=" + log) == 0);
  const auto text = boost::filesystem::exists(log) ? base::read_file(log) : std::string();
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

TEST_CASE("the victim of the crash test", "[.]") {
  const char* const folder = ::getenv("UNIONROOT_TEST_VICTIM");
  if (folder == nullptr) return;
  try {
    Store store(std::string(folder) + "/state.db");
    store.add_session(session("a"));
    store.put_stages("a", first);
    store.activate(session("a"), last, true);
    write_file(std::string(folder) + "/active", "");
    store.checkpoint();
    store.remove_session("a", true);
    write_file(std::string(folder) + "/removed", "");
  } catch (const base::SystemError& error) {
    CHECK(contains(error.what(), "injected fault"));
  }
}

TEST_CASE("a crash or a failure at any point leaves a whole database") {
  const std::string fault = GENERATE("UNIONROOT_CRASH_AT=", "UNIONROOT_FAIL_AT=");
  const auto points = count_points();
  for (std::ptrdiff_t point = 1; point <= points + 1; ++point) {
    INFO(fault << point);
    const Folder folder;
    const int status = run_victim(folder.path(), fault + std::to_string(point));
    const bool removed = boost::filesystem::exists(folder.path() + "/removed");
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK((killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
    if (point > points) CHECK(removed);
    const Store store(folder.file());
    CHECK_FALSE(store.set_aside());
    const auto record = store.session("a");
    const auto stages = store.stages("a");
    if (removed) CHECK_FALSE(record);
    if (!record) {
      CHECK(stages.empty());
    } else if (record->state == SessionState::active) {
      REQUIRE(stages.size() == 2);
      CHECK(stages[1].state == StageState::done);
    } else {
      CHECK(record->state == SessionState::beginning);
      CHECK_FALSE(boost::filesystem::exists(folder.path() + "/active"));
      CHECK((stages.empty() || stages.size() == 2));
    }
  }
#ifdef UNIONROOT_FAULT_POINTS
  CHECK(points > 15);  // the points were really met
#else
  unionroot::tests::skip("built without fault points: only the way without faults was tried");
#endif
}
