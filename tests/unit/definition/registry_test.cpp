#include <poll.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "configuration_folder.h"
#include "definition/suggest.h"

using namespace unionroot::definition;
using namespace std::chrono_literals;
using Catch::Contains;
using unionroot::base::Error;
using unionroot::base::ErrorCode;

namespace {

const std::string tree = "type=directory\ndirectory=/srv\n";

// As an event loop does it: how often the registry said that something changed, until nothing happens for `quiet`.
int changes(Registry& registry, std::chrono::milliseconds quiet = 150ms) {
  int count = 0;
  pollfd waiting{registry.watch_fd(), POLLIN, 0};
  while (::poll(&waiting, 1, static_cast<int>(quiet.count())) > 0)
    if (registry.on_readable()) ++count;
  return count;
}

template <typename Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  throw std::runtime_error("unreachable");
}

}  // namespace

TEST_CASE("the registry follows edits") {
  const ConfigurationFolder folder;
  Registry registry(folder.settings());
  REQUIRE(registry.watch_fd() >= 0);
  CHECK(changes(registry, 50ms) == 0);

  SECTION("a folder and files that appear later") {
    folder.write("chroot.d/a.conf", "[a]\n" + tree);
    CHECK(changes(registry) == 1);
    CHECK(registry.snapshot()->find("a"));
    folder.write("chroot.d/b.conf", "[b]\n" + tree);
    CHECK(changes(registry) == 1);
    boost::filesystem::remove(folder / "chroot.d/a.conf");
    CHECK(changes(registry) == 1);
    CHECK_FALSE(registry.snapshot()->find("a"));
    CHECK(registry.snapshot()->find("b"));
  }
  SECTION("an editor that renames over the file") {
    folder.write("unionroot.conf", "[a]\n" + tree);
    changes(registry);
    const auto before = registry.require("a");
    folder.write("unionroot.conf.new", "[a]\ndescription=new\n" + tree);
    boost::filesystem::rename(folder / "unionroot.conf.new", folder / "unionroot.conf");
    CHECK(changes(registry) == 1);
    CHECK(registry.require("a")->description == "new");
    CHECK(before->description.empty());  // who has one keeps it
  }
  SECTION("a profile that appears, and is edited") {
    folder.write("chroot.d/a.conf", "[a]\n" + tree + "profile=mine\n");
    CHECK(changes(registry) == 1);
    CHECK_FALSE(registry.snapshot()->find("a"));
    folder.write("profiles/mine/fstab", "tmpfs /x tmpfs defaults\n");
    CHECK(changes(registry) == 1);
    REQUIRE(registry.snapshot()->find("a"));
    folder.write("profiles/mine/fstab", "tmpfs /x tmpfs defaults\ntmpfs /y tmpfs defaults\n");
    CHECK(changes(registry) == 1);
    CHECK(registry.require("a")->profile.fstab.size() == 2);
  }
  SECTION("a folder that is replaced as a whole") {
    folder.write("chroot.d/a.conf", "[a]\n" + tree);
    changes(registry);
    folder.write("next/b.conf", "[b]\n" + tree);
    boost::filesystem::rename(folder / "chroot.d", folder / "previous");
    boost::filesystem::rename(folder / "next", folder / "chroot.d");
    changes(registry);
    CHECK(registry.snapshot()->find("b"));
    CHECK_FALSE(registry.snapshot()->find("a"));
    folder.write("chroot.d/c.conf", "[c]\n" + tree);
    changes(registry);
    CHECK(registry.snapshot()->find("c"));
  }
  SECTION("a change of mode counts, a file that is not read does not") {
    const auto file = folder.write("chroot.d/a.conf", "[a]\n" + tree);
    changes(registry);
    REQUIRE(::chmod(file.c_str(), 0666) == 0);
    CHECK(changes(registry) == 1);
    CHECK_FALSE(registry.snapshot()->find("a"));
    folder.write("chroot.d/.a.conf.swp", "x");
    CHECK(changes(registry) == 0);
  }
  SECTION("a burst is one change") {
    for (int i = 0; i < 200; ++i)
      folder.write("chroot.d/c" + std::to_string(i) + ".conf", "[c" + std::to_string(i) + "]\n" + tree);
    const int count = changes(registry);
    CHECK(count >= 1);
    CHECK(count <= 5);
    CHECK(registry.snapshot()->chroots.size() == 201);
  }
  SECTION("who asks right after an edit gets it, and the event loop hears of it all the same") {
    folder.write("unionroot.conf", "[now]\n" + tree);
    CHECK(registry.require("now")->name == "now");
    CHECK(changes(registry) == 1);
  }
}

TEST_CASE("a configuration folder that does not exist yet") {
  const ConfigurationFolder folder;
  auto settings = folder.settings();
  settings.config_directory = folder / "deep/er";
  settings.config_file = folder / "deep/er/unionroot.conf";
  Registry registry(settings);
  folder.write("unrelated", "x");
  CHECK(changes(registry) == 0);
  folder.write("deep/er/chroot.d/a.conf", "[a]\n" + tree);
  CHECK(changes(registry) >= 1);
  CHECK(registry.snapshot()->find("a"));
}

TEST_CASE("reload says whether something changed") {
  const ConfigurationFolder folder;
  Registry registry(folder.settings());
  CHECK_FALSE(registry.reload());
  folder.write("unionroot.conf", "[a]\n" + tree);
  CHECK(registry.reload());
  CHECK_FALSE(registry.reload());
}

TEST_CASE("what require says of a chroot that is not there") {
  const ConfigurationFolder folder;
  folder.write("unionroot.conf", "[bookworm]\n" + tree + "aliases=stable\n[broken]\ntype=zip\n");
  const Registry registry(folder.settings());
  CHECK(registry.require("stable")->name == "bookworm");
  const auto near = error_of([&] { (void)registry.require("bokworm"); });
  CHECK(near.code() == ErrorCode::no_such_chroot);
  CHECK_THAT(near.what(), Contains("there is no chroot named 'bokworm'"));
  CHECK_THAT(near.hint(), Contains("did you mean bookworm?") && Contains("unionroot list"));
  CHECK_THAT(error_of([&] { (void)registry.require("stabel"); }).hint(), Contains("did you mean stable?"));
  CHECK_THAT(error_of([&] { (void)registry.require("q\x1b[31m"); }).what(), Contains("\\x1b"));
  const auto broken = error_of([&] { (void)registry.require("broken"); });
  CHECK(broken.code() == ErrorCode::definition_invalid);
  CHECK_THAT(broken.what(), Contains("unionroot.conf:6: type: 'zip' is not known"));
}

TEST_CASE("a file that was refused is named where its chroot is missed") {
  const ConfigurationFolder folder;
  folder.write("chroot.d/a.conf", "[a]\n" + tree);
  boost::filesystem::permissions(folder / "chroot.d/a.conf",
                                 boost::filesystem::add_perms | boost::filesystem::others_write);
  const Registry registry(folder.settings());
  const auto missed = error_of([&] { (void)registry.require("a"); });
  CHECK(missed.code() == ErrorCode::no_such_chroot);
  CHECK_THAT(missed.hint(), Contains("files that were refused") && Contains("chroot.d/a.conf"));
}

TEST_CASE("near misses") {
  const std::vector<std::string> known{"bookworm", "sid", "bookworm-amd64", "host"};
  CHECK(near_misses("bookwrom", known) == std::vector<std::string>{"bookworm"});
  CHECK(near_misses("SID", known) == std::vector<std::string>{"sid"});
  CHECK(near_misses("book", known) == std::vector<std::string>{"bookworm", "bookworm-amd64"});
  CHECK(near_misses("xyzzy", known).empty());
  CHECK(near_misses("", known).empty());
  CHECK(near_misses(std::string(100000, 'a'), known).empty());
}

TEST_CASE("a file that was written is known to whoever asks next, also while another thread notices it") {
  const ConfigurationFolder folder;
  folder.write("chroot.d/first.conf", "[first]\n" + tree);
  Registry registry(folder.settings());
  std::atomic<bool> enough{false};
  std::thread loop([&] {
    pollfd waiting{registry.watch_fd(), POLLIN, 0};
    while (!enough)
      if (::poll(&waiting, 1, 10) > 0) registry.on_readable();
  });
  std::vector<std::string> missed;
  for (int i = 0; i < 400; ++i) {
    const auto name = "added" + std::to_string(i);
    folder.write("chroot.d/added.conf", "[" + name + "]\n" + tree);
    if (!registry.snapshot()->find(name)) missed.push_back(name);
  }
  enough = true;
  loop.join();
  CHECK(missed.empty());
}

TEST_CASE("many threads may ask while files change") {
  const ConfigurationFolder folder;
  folder.write("unionroot.conf", "[a]\n" + tree);
  Registry registry(folder.settings());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (!stop)
        if (!registry.snapshot()->find("a")) ++wrong;
    });
  for (int i = 0; i < 50; ++i) {
    folder.write("unionroot.conf.new", "[a]\ndescription=" + std::to_string(i) + "\n" + tree);
    boost::filesystem::rename(folder / "unionroot.conf.new", folder / "unionroot.conf");
    registry.on_readable();
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(registry.require("a")->description == "49");
}
