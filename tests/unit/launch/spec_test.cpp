#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "launch/helper/spec_reader.h"
#include "launch/helper/text.h"
#include "launch/spec_file.h"

using namespace unionroot;
using namespace unionroot::launch;

namespace {

LaunchSpec example() {
  LaunchSpec spec;
  spec.session = "sid-1";
  spec.run = "0a1b";
  spec.arguments = {"/bin/bash", "-c", "", "exit 3"};
  spec.environment = {"A=b", "C="};
  spec.directories = {"/home/ann", "/"};
  spec.uid = 1000;
  spec.gid = 1001;
  spec.groups = {1001, 5, 27};
  spec.umask = 027;
  spec.limits = {{RLIMIT_NOFILE, {10, 20}}, {RLIMIT_CORE, {RLIM_INFINITY, RLIM_INFINITY}}};
  spec.rows = 33;
  spec.columns = 132;
  spec.no_new_privileges = true;
  spec.host_name = "inside";
  spec.joined_groups = {"/sys/fs/cgroup/pids/a", "/sys/fs/cgroup/memory/a"};
  spec.scheduling.emplace();
  spec.scheduling->policy = 3;
  spec.scheduling->nice = -7;
  spec.scheduling->priority = 9;
  spec.scheduling->io_priority = 3 << 13;
  spec.scheduling->oom_score_adjust = -300;
  spec.scheduling->processors = std::string("\5\0\1", 3);
  return spec;
}

bool readable(const std::string& bytes) {
  const base::UniqueFd file = sealed_file(bytes);
  helper::Spec spec;
  return helper::read_spec(file.get(), spec);
}

}  // namespace

TEST_CASE("the helper reads what the launcher wrote") {
  const base::UniqueFd file = sealed_file(serialize(example(), {.cgroup = true, .network = true}));
  helper::Spec spec;
  REQUIRE(helper::read_spec(file.get(), spec));
  CHECK(std::string(spec.session) == "sid-1");
  CHECK(std::string(spec.run) == "0a1b");
  CHECK(std::string(spec.host_name) == "inside");
  CHECK(std::string(spec.file) == "/bin/bash");
  REQUIRE(spec.header->arguments == 4);
  CHECK(std::string(spec.arguments[0]) == "/bin/bash");
  CHECK(std::string(spec.arguments[2]).empty());
  CHECK(std::string(spec.arguments[3]) == "exit 3");
  CHECK(spec.arguments[4] == nullptr);
  CHECK(std::string(spec.environment[1]) == "C=");
  CHECK(spec.environment[2] == nullptr);
  CHECK(std::string(spec.directories[1]) == "/");
  REQUIRE(spec.header->joined == 2);
  CHECK(std::string(spec.joined[1]) == "/sys/fs/cgroup/memory/a");
  REQUIRE(spec.scheduling != nullptr);
  CHECK(spec.scheduling->policy == 3);
  CHECK(spec.scheduling->nice == -7);
  CHECK(spec.scheduling->priority == 9);
  CHECK(spec.scheduling->io_priority == 3 << 13);
  CHECK(spec.scheduling->oom_score_adjust == -300);
  CHECK(spec.scheduling->mask_size == 3);
  CHECK(spec.scheduling->mask[2] == 1);
  CHECK(spec.header->uid == 1000);
  CHECK(spec.header->gid == 1001);
  CHECK(spec.header->umask == 027);
  CHECK(spec.header->rows == 33);
  CHECK(spec.header->columns == 132);
  CHECK(spec.groups[2] == 27);
  CHECK(spec.limits[0].soft == 10);
  CHECK(spec.limits[0].hard == 20);
  CHECK(spec.limits[1].soft == RLIM_INFINITY);
  CHECK(spec.has(wire::has_network));
  CHECK(spec.has(wire::no_new_privileges));
  CHECK(spec.has(wire::has_cgroup));
  CHECK_FALSE(spec.has(wire::terminal));
  CHECK(spec.header->personality == wire::keep_personality);
}

TEST_CASE("a login shell is started under the name of one") {
  LaunchSpec spec = example();
  spec.login_shell = true;
  spec.scheduling.reset();
  const base::UniqueFd file = sealed_file(serialize(spec, {}));
  helper::Spec read;
  REQUIRE(helper::read_spec(file.get(), read));
  CHECK(std::string(read.file) == "/bin/bash");
  CHECK(std::string(read.arguments[0]) == "-bash");
  CHECK(read.scheduling == nullptr);
  CHECK(read.groups[2] == 27);
  CHECK_FALSE(read.has(wire::detached));
}

TEST_CASE("a detached run has its limits in its spec") {
  LaunchSpec spec = example();
  spec.detached = {std::chrono::milliseconds(1500), std::chrono::seconds(2), 7};
  const base::UniqueFd file = sealed_file(serialize(spec, {}));
  helper::Spec read;
  REQUIRE(helper::read_spec(file.get(), read));
  CHECK(read.has(wire::detached));
  CHECK(read.header->timeout == 1500);
  CHECK(read.header->grace == 2000);
  CHECK(read.header->output_limit == 7);
}

TEST_CASE("a spec cut anywhere, or of another build, is refused") {
  const std::string bytes = serialize(example(), {});
  CHECK(readable(bytes));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    std::string cut = bytes.substr(0, length);
    CHECK_FALSE(readable(cut));
    if (length < sizeof(wire::Header)) continue;
    const auto size = static_cast<std::uint32_t>(length);  // even if it says that it is whole
    std::memcpy(cut.data() + offsetof(wire::Header, size), &size, sizeof size);
    CHECK_FALSE(readable(cut));
  }
  std::string other = bytes;
  other[0] = static_cast<char>(other[0] + 1);
  CHECK_FALSE(readable(other));
}

TEST_CASE("what cannot be said to the helper is refused") {
  LaunchSpec spec = example();
  spec.environment.push_back(std::string("A=b\0c", 5));
  CHECK_THROWS_AS(serialize(spec, {}), base::Error);
  spec = example();
  spec.arguments.clear();
  CHECK_THROWS_AS(serialize(spec, {}), base::Error);
  spec = example();
  spec.environment.assign(17, std::string(std::size_t{1} << 20, 'a'));
  CHECK_THROWS_WITH(serialize(spec, {}), Catch::Matchers::Contains("arguments and environment take"));
}

TEST_CASE("the spec's file cannot be changed any more") {
  const base::UniqueFd file = sealed_file("abc");
  CHECK(::pwrite(file.get(), "x", 1, 0) == -1);
  CHECK(errno == EPERM);
  CHECK(::ftruncate(file.get(), 0) == -1);
  CHECK(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW) == -1);
}

TEST_CASE("the helper's messages are bounded and harmless") {
  helper::Text text;
  text.add("cannot execute ").add_quoted("a\x1b[2J\n").add(": ").add_error(EACCES);
  CHECK(std::string(text.c_str()) == "cannot execute 'a?[2J?': Permission denied");
  helper::Text quoted;
  quoted.add_quoted(std::string(5000, 'x').c_str());
  CHECK(std::string(quoted.c_str()) == "'" + std::string(200, 'x') + "...'");
  helper::Text full;
  for (int i = 0; i < 1000; ++i) full.add("0123456789");
  CHECK(std::strlen(full.c_str()) == control::longest_text - 1);
}
