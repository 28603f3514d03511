// A session's namespace over real mounts.
#include <sys/sysmacros.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <mutex>
#include <thread>

#include "fixture.h"
#include "most_files.h"
#include "mount/host_view.h"

using namespace unionroot;
using namespace unionroot::tests;

namespace {

long own_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

}  // namespace

TEST_CASE("an overlay session: the tree shows, changes go to the upper layer alone") {
  require_mounts();
  const Place place;
  mount::Namespace space = lay(place);
  CHECK_FALSE(space.read_only());
  mount_all(space, usual_plan());
  space.make_root();
  CHECK(mount_table().find(place.path()) == std::string::npos);

  const UniqueFd root = space.root();
  CHECK(kernel::read_in_tree(root.get(), "etc/issue", 100) == "lower\n");
  kernel::write_in_tree(root.get(), "etc/issue", "changed\n", 0644, 0, 0);
  CHECK(base::read_file(place.path("/lower/etc/issue")) == "lower\n");
  CHECK(base::read_file(place.path("/store/upper/etc/issue")) == "changed\n");

  SECTION("a process in it sees the same root, and its own mounts") {
    CHECK(in_namespace(space, [] {
            const bool issue = base::read_file("/etc/issue") == "changed\n";
            const bool self = base::try_read_file("/proc/self/stat").has_value();
            const bool sys = ::access("/sys/kernel", F_OK) == 0;
            const bool lower_gone = ::access("/lower", F_OK) != 0 && ::access("/store", F_OK) != 0;
            const std::string table = base::read_file("/proc/self/mountinfo");
            // Root, proc, sys, dev, pts and shm, and nothing of the template or the host.
            return issue && self && sys && lower_gone && std::count(table.begin(), table.end(), '\n') == 6 ? 0 : 1;
          }) == 0);
  }
  SECTION("the lower tree cannot be written even through the clone") {
    const UniqueFd clone = mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, true);
    CHECK(::mkdirat(clone.get(), "x", 0755) == -1);
    CHECK(errno == EROFS);
  }
}

TEST_CASE("the upper layer is free as soon as the namespace is dropped") {
  require_mounts();
  const Place place;
  for (int round = 0; round < 3; ++round) {
    mount::Namespace space = lay(place);
    mount_all(space, usual_plan());
    space.make_root();
  }
  // index=on gives EBUSY if an overlay still stands on the upper layer.
  mount::Namespace space = factory().create();
  mount::OverlayPlan plan;
  plan.options = {{"index", "on"}};
  std::vector<UniqueFd> lowers;
  lowers.push_back(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, true));
  CHECK_NOTHROW(space.lay_overlay(plan, std::move(lowers),
                                  mount::open_tree_clone(kernel::real_mounts(), place.path("/store"), false, false)));
}

TEST_CASE("a plain tree is the root as it is") {
  require_mounts();
  const Place place;
  mount::Namespace space = factory().create();
  space.lay_tree(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), true, false));
  space.make_root();
  CHECK(in_namespace(space, [] { return ::mkdir("/made", 0755) == 0 ? 0 : 1; }) == 0);
  CHECK(::access(place.path("/lower/made").c_str(), F_OK) == 0);
}

TEST_CASE("500 lower trees fit, the topmost wins, and 501 are refused") {
  require_mounts();
  const MostFiles files;
  files.require(550);
  const Place place;
  std::vector<UniqueFd> lowers;
  for (int i = 0; i < 500; ++i) {
    const std::string folder = concat(place.path("/"), "l", i);
    base::check(::mkdir(folder.c_str(), 0755), "making", folder);
    if (i == 3 || i == 499) write_file(folder + "/who", std::to_string(i));
    if (i == 499) write_file(folder + "/last", "yes");
    lowers.push_back(mount::open_tree_clone(kernel::real_mounts(), folder, false, true));
  }
  mount::OverlayPlan plan;
  plan.lowers = 500;
  mount::Namespace space = factory().create();
  space.lay_overlay(plan, std::move(lowers),
                    mount::open_tree_clone(kernel::real_mounts(), place.path("/store"), false, false));
  CHECK(kernel::read_in_tree(space.root().get(), "who", 10) == "3");
  CHECK(kernel::read_in_tree(space.root().get(), "last", 10) == "yes");

  plan.lowers = 501;
  std::vector<UniqueFd> many(501);
  mount::Namespace other = factory().create();
  CHECK_THROWS_WITH(other.lay_overlay(plan, std::move(many), UniqueFd()), Catch::Contains("1 to 500 lower trees"));
  plan.lowers = 2;
  CHECK_THROWS_WITH(other.lay_overlay(plan, {}, UniqueFd()), Catch::Contains("the plan has 2 lower trees, but 0"));
}

TEST_CASE("an overlay that the kernel refuses is an error that says what was asked for") {
  require_mounts();
  const Place place;
  mount::Namespace space = factory().create();
  mount::OverlayPlan plan;
  plan.upper = "not-there";
  std::vector<UniqueFd> lowers;
  lowers.push_back(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, true));
  CHECK_THROWS_WITH(
      space.lay_overlay(plan, std::move(lowers),
                        mount::open_tree_clone(kernel::real_mounts(), place.path("/store"), false, false)),
      Catch::Contains("upperdir=/store/not-there"));
  plan.upper = "a,b";
  std::vector<UniqueFd> again(1);
  CHECK_THROWS_WITH(space.lay_overlay(plan, std::move(again), UniqueFd()), Catch::Contains("comma"));
}

TEST_CASE("the private /dev has what programs expect, and nothing of the host's") {
  require_mounts();
  const Place place;
  mount::Namespace space = lay(place);
  mount_all(space, usual_plan());
  space.make_root();
  const UniqueFd root = space.root();
  const UniqueFd dev = kernel::real_mounts().open_in_root(root.get(), "dev", O_RDONLY | O_DIRECTORY, 0);
  std::vector<std::string> names = kernel::list_directory(dev.get());
  std::sort(names.begin(), names.end());
  CHECK(base::join(names, " ") == "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero");
  struct stat found {};
  REQUIRE(::fstatat(dev.get(), "null", &found, 0) == 0);
  CHECK(found.st_mode == (S_IFCHR | 0666));
  CHECK(found.st_rdev == ::makedev(1, 3));
  REQUIRE(::fstatat(dev.get(), "shm", &found, 0) == 0);
  CHECK(found.st_mode == (S_IFDIR | 01777));
  CHECK(in_namespace(space, [] {
          const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
          const UniqueFd terminal(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
          int number = -1;
          // A devpts of its own begins with terminal 0.
          const bool first = terminal && ::ioctl(terminal.get(), TIOCGPTN, &number) == 0 && number == 0;
          return null && ::write(null.get(), "x", 1) == 1 && first ? 0 : 1;
        }) == 0);
}

TEST_CASE("set-uid programs work in a session, and not on its inner mounts") {
  require_mounts();
  const Place place;
  mount::Namespace space = lay(place, "/");
  mount_all(space, usual_plan());
  space.make_root();
  const UniqueFd root = space.root();
  const std::string id = base::read_file("/usr/bin/id");
  kernel::write_in_tree(root.get(), "usr/bin/id-of-root", id, 04755, 0, 0);
  const auto uid_of = [&](const std::string& program) {
    return in_namespace(space, [&] {
      const std::string check = concat("[ \"$(", program, " -u)\" = 0 ]");
      if (::setresuid(1000, 1000, 1000) != 0) return 98;
      ::execl("/bin/sh", "sh", "-c", check.c_str(), nullptr);
      return 97;
    });
  };
  CHECK(uid_of("/usr/bin/id-of-root") == 0);
  CHECK(uid_of("/usr/bin/id") == 1);
  CHECK(run_in(space, {"/bin/sh", "-c",
                       "mkdir /tmp/unionroot-inside && mount -t tmpfs none /tmp/unionroot-inside && touch "
                       "/tmp/unionroot-inside/inside"}) == 0);
  CHECK(mount_table().find("/tmp/unionroot-inside") == std::string::npos);
  CHECK(::access("/usr/bin/id-of-root", F_OK) != 0);
}

TEST_CASE("the calling thread keeps its namespace, root and working directory, also after errors") {
  require_mounts();
  const Place place;
  const auto where = [] {
    char link[128];
    const auto length = ::readlink("/proc/thread-self/ns/mnt", link, sizeof link);
    struct stat root {
    }, here{};
    CHECK(::stat("/", &root) == 0);
    CHECK(::stat(".", &here) == 0);
    return concat(std::string_view(link, static_cast<std::size_t>(length)), " ", root.st_ino, " ", here.st_ino);
  };
  const std::string before = where();
  mount::Namespace space = lay(place);
  CHECK(where() == before);
  mount::MountPlan plan = usual_plan();
  plan.mounts[1].type = "nosuchfs";
  CHECK_THROWS_AS(mount_all(space, plan), base::Error);
  CHECK(where() == before);
  CHECK_THROWS_AS(factory().adopt(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), base::SystemError);
  CHECK(where() == before);
  CHECK(space.inode() != 0);
  CHECK(concat("mnt:[", space.inode(), "]") != before.substr(0, before.find(' ')));
}

TEST_CASE("a kept namespace is adopted with its root") {
  require_mounts();
  const Place place;
  UniqueFd kept;
  {
    mount::Namespace space = lay(place);
    space.make_root();
    kept = UniqueFd(::fcntl(space.descriptor(), F_DUPFD_CLOEXEC, 3));
  }
  const mount::Namespace space = factory().adopt(std::move(kept));
  CHECK(kernel::read_in_tree(space.root().get(), "/etc/issue", 100) == "lower\n");
  CHECK_FALSE(space.read_only());
}

TEST_CASE("fifty threads build at once; timing is printed") {
  require_mounts();
  const Place place;
  for (int i = 0; i < 50; ++i) {
    const std::string store = concat(place.path("/s"), i);
    for (const char* sub : {"", "/upper", "/work"}) base::check(::mkdir((store + sub).c_str(), 0755), "making", store);
  }
  mount::HostViews views(kernel::real_mounts(), place.path("/run"));
  const mount::MountPlan plan = usual_plan();
  std::mutex lock;
  std::vector<std::string> errors;
  std::vector<long> times;      // as the clock on the wall has it
  std::vector<long> own_times;  // of the thread's own work: what a busy machine does not change
  std::vector<std::thread> threads;
  const auto build = [&](int number) {
    const auto begin = std::chrono::steady_clock::now();
    const long own_begin = own_time();
    mount::Namespace space = factory().create();
    std::vector<UniqueFd> lowers;
    lowers.push_back(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, true));
    space.lay_overlay({}, std::move(lowers),
                      mount::open_tree_clone(kernel::real_mounts(), concat(place.path("/s"), number), false, false));
    space.mount_inner(plan, open_sources(plan));
    space.make_root();
    const std::string name = concat("t", number);
    views.keep_namespace(name, space.descriptor());
    views.attach_view(name, {}, {space.clone_view(), {}});
    const auto took = std::chrono::steady_clock::now() - begin;
    const long own_took = own_time() - own_begin;
    write_file(views.view_path(name) + "/etc/mine", name);
    const bool own = kernel::read_in_tree(space.root().get(), "etc/mine", 10) == name;
    views.detach_view(name);
    views.drop_namespace(name);
    const std::lock_guard guard(lock);
    if (!own) errors.push_back(name + " sees another's file");
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    own_times.push_back(own_took);
  };
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&, i] {
      try {
        build(i);
      } catch (const std::exception& error) {
        const std::lock_guard guard(lock);
        errors.emplace_back(error.what());
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(errors == std::vector<std::string>{});
  times.clear();
  own_times.clear();
  for (int i = 0; i < 50; ++i) build(i);
  std::sort(times.begin(), times.end());
  std::sort(own_times.begin(), own_times.end());
  std::cout << "a session's namespace, alone: median " << times[25] << " us, worst " << times.back()
            << " us; processor time: median " << own_times[25] << " us\n";
  views.release_if_empty();
}

TEST_CASE("a thread that was started by one that visited can visit too, both at once") {
  require_mounts();
  const Place place;
  mount::Namespace space = lay(place);
  space.make_root();
  std::vector<std::string> errors;
  std::thread other([&] {
    try {
      for (int i = 0; i < 200; ++i) static_cast<void>(space.clone_view());
    } catch (const std::exception& error) {
      errors.emplace_back(error.what());
    }
  });
  mount::Namespace second = factory().create();
  for (int i = 0; i < 200; ++i) CHECK_NOTHROW(factory().create());
  other.join();
  CHECK(errors == std::vector<std::string>{});
  CHECK(::access(place.path().c_str(), F_OK) == 0);
}
