// Where inner mounts land when the tree is hostile.
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "fixture.h"

using namespace unionroot;
using namespace unionroot::tests;

namespace {

mount::MountPlan one(const mount::InnerMount& entry) {
  mount::MountPlan plan;
  plan.mounts.push_back(entry);
  return plan;
}

// What is at `path` inside the session, seen by a process in it.
bool inside(const mount::Namespace& space, const std::string& path) {
  return in_namespace(space, [&] { return ::access(path.c_str(), F_OK) == 0 ? 0 : 1; }) == 0;
}

}  // namespace

TEST_CASE("a missing target is made in the session's tree, not in the source") {
  require_mounts();
  const Place place;
  base::check(::mkdir(place.path("/given").c_str(), 0755), "making", "given");
  write_file(place.path("/given/file"), "host\n");
  const mode_t mask = ::umask(077);
  mount::Namespace space = lay(place);
  mount::MountPlan plan = one(bind_entry(place.path("/given"), "srv/a/b"));
  plan.mounts.push_back(bind_entry(place.path("/given/file"), "opt/c/file"));
  mount_all(space, plan);
  ::umask(mask);
  space.make_root();
  CHECK(inside(space, "/srv/a/b/file"));
  CHECK(kernel::read_in_tree(space.root().get(), "opt/c/file", 10) == "host\n");
  CHECK(::access(place.path("/lower/srv").c_str(), F_OK) != 0);
  struct stat made {};
  REQUIRE(::stat(place.path("/store/upper/srv/a").c_str(), &made) == 0);
  CHECK((made.st_mode & 07777) == 0755);
  REQUIRE(::stat(place.path("/store/upper/opt/c/file").c_str(), &made) == 0);
  CHECK(S_ISREG(made.st_mode));
}

TEST_CASE("a symlink in the tree never leads a mount onto the host") {
  require_mounts();
  const Place place;
  base::check(::mkdir(place.path("/given").c_str(), 0755), "making", "given");
  base::check(::mkdir(place.path("/victim").c_str(), 0755), "making", "victim");
  write_file(place.path("/given/file"), "host\n");

  SECTION("an absolute one is resolved inside the root, and its target made there fails or stays inside") {
    base::check(::mkdir(place.path("/lower/safe").c_str(), 0755), "making", "safe");
    place.link("/safe", "/lower/mnt");
    mount::Namespace space = lay(place);
    mount_all(space, one(bind_entry(place.path("/given"), "mnt")));
    space.make_root();
    CHECK(inside(space, "/safe/file"));
  }
  SECTION("one that names a folder of the host is dangling inside, and its target is made there") {
    for (const char* target : {"mnt", "mnt/deeper"}) {
      INFO(target);
      if (::access(place.path("/lower/mnt").c_str(), F_OK) != 0 && std::string(target) == "mnt")
        place.link(place.path("/victim"), "/lower/mnt");
      mount::Namespace space = lay(place);
      mount_all(space, one(bind_entry(place.path("/given"), target)));
      space.make_root();
      CHECK(inside(space, std::string("/") + target + "/file"));
      CHECK(kernel::list_directory(kernel::open_directory(place.path("/victim")).get()).empty());
    }
  }
  SECTION("links in a circle are an error") {
    place.link("mnt", "/lower/loop");
    place.link("loop/deeper", "/lower/mnt");
    mount::Namespace space = lay(place);
    CHECK_THROWS_WITH(mount_all(space, one(bind_entry(place.path("/given"), "mnt/x"))),
                      Catch::StartsWith("fstab:7: mounting on /mnt/x: "));
  }
  SECTION("a relative one with many .. ends at the session's root") {
    place.link("../../../../../../../../tmp", "/lower/mnt");
    mount::Namespace space = lay(place);
    mount_all(space, one(bind_entry(place.path("/given"), "mnt")));
    space.make_root();
    CHECK(inside(space, "/tmp/file"));
    CHECK(::access("/tmp/file", F_OK) != 0);
  }
  SECTION("a circle, and one through /proc's magic links, are refused") {
    place.link("mnt", "/lower/mnt");
    place.link("/proc/self/root/tmp", "/lower/magic");
    mount::Namespace space = lay(place);
    CHECK_THROWS_WITH(mount_all(space, one(bind_entry(place.path("/given"), "mnt"))),
                      Catch::Contains("Too many levels of symbolic links"));
    mount::MountPlan plan = usual_plan();
    plan.mounts.push_back(bind_entry(place.path("/given"), "magic"));
    CHECK_THROWS_WITH(mount_all(space, plan), Catch::Contains("fstab:7: mounting on /magic"));
  }
  CHECK(kernel::list_directory(kernel::open_directory(place.path("/victim")).get()).empty());
}

TEST_CASE("a symlink swapped in while mounts are made never leads onto the host") {
  require_mounts();
  const Place place;
  const std::string table = mount_table();
  base::check(::mkdir(place.path("/given").c_str(), 0755), "making", "given");
  base::check(::mkdir(place.path("/victim").c_str(), 0755), "making", "victim");
  base::check(::mkdir(place.path("/lower/race").c_str(), 0755), "making", "race");
  mount::Namespace space = lay(place);
  const UniqueFd root = space.root();
  REQUIRE(::mkdirat(root.get(), "swap", 0755) == 0);
  REQUIRE(::symlinkat(place.path("/victim").c_str(), root.get(), "swap-link") == 0);
  std::atomic<bool> stop = false;
  std::atomic<long> swaps = 0;
  std::thread swapper([&] {
    while (!stop) {
      if (::renameat2(root.get(), "swap", root.get(), "swap-link", RENAME_EXCHANGE) == 0) ++swaps;
    }
  });
  int landed = 0;
  std::set<std::string> others;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  int tried = 0;
  for (; tried < 300 || (swaps <= 100 && std::chrono::steady_clock::now() < end); ++tried) {
    try {
      mount_all(space, one(bind_entry(place.path("/given"), "swap/sub")));
      ++landed;
    } catch (const base::Error& error) {
      if (std::string(error.what()).find("fstab:7: mounting on /swap/sub: ") != 0) others.insert(error.what());
    }
  }
  stop = true;
  swapper.join();
  INFO("mounted " << landed << " of " << tried << ", swapped " << swaps);
  CHECK(others == std::set<std::string>{});
  CHECK(swaps > 100);
  CHECK(mounted_since(table).empty());
  CHECK(kernel::list_directory(kernel::open_directory(place.path("/victim")).get()).empty());
}

TEST_CASE("binds: attributes, recursion, files, missing sources") {
  require_mounts();
  const Place place;
  base::check(::mkdir(place.path("/given").c_str(), 0755), "making", "given");
  write_file(place.path("/given/file"), "host\n");
  mount::Namespace space = lay(place);

  SECTION("read-only is read-only, and the host's own mount stays writable") {
    mount::InnerMount entry = bind_entry(place.path("/given"), "tmp");
    entry.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME | MOUNT_ATTR_NOEXEC;
    mount_all(space, one(entry));
    space.make_root();
    CHECK(in_namespace(space, [] { return ::mkdir("/tmp/x", 0755) == -1 && errno == EROFS ? 0 : 1; }) == 0);
    CHECK(::mkdir(place.path("/given/x").c_str(), 0755) == 0);
    CHECK(inside(space, "/tmp/x"));
  }
  SECTION("a missing source is an error unless it is optional") {
    mount::InnerMount entry = bind_entry(place.path("/nowhere"), "tmp");
    try {
      mount_all(space, one(entry));
      FAIL("no error");
    } catch (const base::Error& error) {
      CHECK(error.code() == base::ErrorCode::stage_failed);
      CHECK_THAT(error.what(), Catch::StartsWith("fstab:7: opening what is to be mounted on /tmp"));
      CHECK_THAT(error.hint(), Catch::Contains("x-unionroot.optional"));
    }
    entry.optional = true;
    CHECK(mount_all(space, one(entry)) ==
          std::vector<std::string>{base::concat("fstab:7: left out, since the host has no ", entry.source)});
    entry.usual = true;
    CHECK(mount_all(space, one(entry)).empty());
  }
  SECTION("a file on a folder, and a folder on a file, are refused") {
    CHECK_THROWS_WITH(mount_all(space, one(bind_entry(place.path("/given/file"), "tmp"))),
                      Catch::Contains("mounting on /tmp"));
    CHECK_THROWS_WITH(mount_all(space, one(bind_entry(place.path("/given"), "etc/issue"))),
                      Catch::Contains("mounting on /etc/issue"));
  }
  SECTION("an rbind brings what is mounted beneath, and what is mounted in the session does not come back") {
    mount::InnerMount entry = bind_entry("/proc", "tmp");
    entry.recursive = true;
    mount_all(space, one(entry));
    space.make_root();
    CHECK(inside(space, "/tmp/self/stat"));
    CHECK(run_in(space, {"/nonexistent"}) == 97);
  }
  SECTION("the session's state is hidden, and what is not there needs no hiding") {
    mount::MountPlan plan;
    plan.hidden = {"/etc", "/nowhere/at/all"};
    mount_all(space, plan);
    space.make_root();
    CHECK_FALSE(inside(space, "/etc/issue"));
    CHECK(in_namespace(space, [] { return ::mkdir("/etc/x", 0755) == -1 && errno == EROFS ? 0 : 1; }) == 0);
  }
}

TEST_CASE("a missing mount point is made in a tree without an overlay, and stays") {
  require_mounts();
  const Place place;
  for (const char* folder : {"/given", "/shared"})
    base::check(::mkdir(place.path(folder).c_str(), 0755), "making", folder);
  write_file(place.path("/given/file"), "host\n");
  mount::Namespace space = factory().create();
  space.lay_tree(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, false));
  mount::MountPlan plan = one(bind_entry(place.path("/given"), "srv/a"));
  struct stat made {};

  SECTION("a folder, with those above it, and a file") {
    plan.mounts.push_back(bind_entry(place.path("/given/file"), "opt/deep/file"));
    const mode_t mask = ::umask(077);
    mount_all(space, plan);
    ::umask(mask);
    space.make_root();
    CHECK(inside(space, "/srv/a/file"));
    for (const char* folder : {"/lower/srv", "/lower/srv/a", "/lower/opt/deep"}) {
      INFO(folder);
      REQUIRE(::lstat(place.path(folder).c_str(), &made) == 0);
      CHECK(made.st_mode == (S_IFDIR | 0755));
      CHECK(made.st_uid == 0);
    }
    REQUIRE(::lstat(place.path("/lower/opt/deep/file").c_str(), &made) == 0);
    CHECK(made.st_mode == (S_IFREG | 0644));
    CHECK(made.st_size == 0);
    CHECK(::access(place.path("/lower/srv/a/file").c_str(), F_OK) != 0);
  }
  SECTION("in a folder that the session shares with the host, where the path itself leads there") {
    plan.mounts = {bind_entry(place.path("/shared"), "tmp"), bind_entry(place.path("/given"), "tmp/deep/given")};
    mount_all(space, plan);
    space.make_root();
    CHECK(inside(space, "/tmp/deep/given/file"));
    CHECK(::access(place.path("/shared/deep/given").c_str(), F_OK) == 0);
    CHECK(::access(place.path("/lower/tmp/deep").c_str(), F_OK) != 0);
  }
  SECTION("but not where a link of the tree chooses the folder") {
    for (const char* target : {"link/point", "link/deep/point", "also/chosen/point"}) {
      INFO(target);
      mount::Namespace own = factory().create();
      own.lay_tree(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, false));
      if (::access(place.path("/lower/link").c_str(), F_OK) != 0) {
        base::check(::mkdir(place.path("/shared/victim").c_str(), 0755), "making", "victim");
        base::check(::mkdir(place.path("/lower/also").c_str(), 0755), "making", "also");
        place.link("/tmp", "/lower/link");
        place.link("../tmp/victim", "/lower/also/chosen");
      }
      plan.mounts = {bind_entry(place.path("/shared"), "tmp"), bind_entry(place.path("/given"), target)};
      CHECK_THROWS_WITH(mount_all(own, plan),
                        Catch::Contains("a symbolic link in /") && Catch::Contains("leads into another mount"));
      plan.mounts[1] = bind_entry(place.path("/given/file"), target);
      CHECK_THROWS_WITH(mount_all(own, plan), Catch::Contains("leads into another mount"));
    }
    CHECK(kernel::list_directory(kernel::open_directory(place.path("/shared")).get()) ==
          std::vector<std::string>{"victim"});
    CHECK(kernel::list_directory(kernel::open_directory(place.path("/shared/victim")).get()).empty());
  }
  SECTION("an optional entry is passed over where the tree is read-only") {
    mount::Namespace still = factory().create();
    still.lay_tree(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, true));
    CHECK_THROWS_WITH(mount_all(still, plan), Catch::StartsWith("fstab:7: mounting on /srv/a: "));
    plan.mounts[0].optional = true;
    const auto notes = still.mount_inner(plan, open_sources(plan));
    CHECK(notes == std::vector<std::string>{"fstab:7: left out, since the tree is read-only and has no /srv/a"});
    CHECK(::access(place.path("/lower/srv").c_str(), F_OK) != 0);
  }
}

TEST_CASE("an overlay over a path inside makes that alone writable") {
  require_mounts();
  const Place place;
  for (const char* sub : {"/o", "/o/up", "/o/wk"}) base::check(::mkdir(place.path(sub).c_str(), 0755), "making", sub);
  mount::InnerMount entry;
  entry.kind = mount::InnerMount::Kind::overlay;
  entry.type = "overlay";
  entry.target = "etc";
  entry.origin = "fstab:3";
  entry.options = {{"upperdir", place.path("/o/up")}, {"workdir", place.path("/o/wk")}};
  mount::Namespace space = factory().create();
  SECTION("of a tree that cannot be written to") {
    space.lay_tree(mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, true));
  }
  SECTION("of a session's own overlay") { space = lay(place); }
  mount_all(space, one(entry));
  space.make_root();
  CHECK(in_namespace(space, [] { return ::rename("/etc/issue", "/etc/moved") == 0 ? 0 : 1; }) == 0);
  CHECK(base::read_file(place.path("/o/up/moved")) == "lower\n");
  CHECK(base::read_file(place.path("/lower/etc/issue")) == "lower\n");
  CHECK(kernel::list_directory(kernel::open_directory(place.path("/store/upper")).get()).empty());
}

TEST_CASE("where the host's mounts are shared, what a session mounts still stays in it") {
  require_mounts();
  const Place place;
  const std::string given = place.path("/given");
  base::check(::mkdir(given.c_str(), 0755), "making", given);
  REQUIRE(::mount("none", given.c_str(), "tmpfs", 0, nullptr) == 0);
  REQUIRE(::mount(nullptr, given.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  for (const char* sub : {"/tree", "/tree/mnt", "/store", "/store/upper", "/store/work", "/sub", "/later"})
    base::check(::mkdir((given + sub).c_str(), 0755), "making", sub);
  {
    const std::string table = mount_table();
    mount::Namespace space = factory().create();
    std::vector<UniqueFd> lowers;
    lowers.push_back(mount::open_tree_clone(kernel::real_mounts(), given + "/tree", false, true));
    space.lay_overlay({}, std::move(lowers),
                      mount::open_tree_clone(kernel::real_mounts(), given + "/store", false, false));
    mount::MountPlan plan = one(bind_entry(given, "mnt"));
    plan.mounts.push_back(bind_entry(given, "rbound"));
    plan.mounts.back().recursive = plan.mounts.back().slave = true;
    mount_all(space, plan);
    space.make_root();
    CHECK(in_namespace(space, [] {
            return ::mount("none", "/mnt/sub", "tmpfs", 0, nullptr) == 0 &&
                           ::mount("none", "/rbound/sub", "tmpfs", 0, nullptr) == 0
                       ? 0
                       : 1;
          }) == 0);
    CHECK(mounted_since(table).empty());
    // The other way round, an rbind follows the host, and a bind does not.
    REQUIRE(::mount("none", (given + "/later").c_str(), "tmpfs", 0, nullptr) == 0);
    write_file(given + "/later/file", "x");
    CHECK(inside(space, "/rbound/later/file"));
    CHECK_FALSE(inside(space, "/mnt/later/file"));
    // What the session takes away stays on the host.
    CHECK(in_namespace(space, [] { return ::umount2("/rbound/later", 0) == 0 ? 0 : 1; }) == 0);
    CHECK(base::read_file(given + "/later/file") == "x");
    REQUIRE(::umount2((given + "/later").c_str(), 0) == 0);
    REQUIRE(::mount("none", (given + "/later").c_str(), "tmpfs", 0, nullptr) == 0);
    write_file(given + "/later/file", "x");
    CHECK(inside(space, "/rbound/later/file"));
    REQUIRE(::umount2((given + "/later").c_str(), 0) == 0);
    CHECK_FALSE(inside(space, "/rbound/later/file"));
  }
  REQUIRE(::umount2(given.c_str(), 0) == 0);
}

TEST_CASE("an overlay from a profile is laid from host folders") {
  require_mounts();
  const Place place;
  for (const char* sub : {"/o", "/o/low", "/o/s", "/o/s/up", "/o/s/wk"})
    base::check(::mkdir(place.path(sub).c_str(), 0755), "making", sub);
  write_file(place.path("/o/low/file"), "low\n");
  mount::InnerMount entry;
  entry.kind = mount::InnerMount::Kind::overlay;
  entry.type = "overlay";
  entry.target = "srv/cache";
  entry.origin = "fstab:3";
  entry.options = {
      {"lowerdir", place.path("/o/low")}, {"upperdir", place.path("/o/s/up")}, {"workdir", place.path("/o/s/wk")}};
  mount::Namespace space = lay(place);
  mount::MountPlan plan = one(entry);
  entry.target = "srv/again";
  entry.options = {{"lowerdir", place.path("/o/low") + ":" + place.path("/lower")}};
  plan.mounts.push_back(entry);
  mount_all(space, plan);
  space.make_root();
  CHECK(in_namespace(space, [] { return ::rename("/srv/cache/file", "/srv/cache/moved") == 0 ? 0 : 1; }) == 0);
  CHECK(base::read_file(place.path("/o/s/up/moved")) == "low\n");
  CHECK(base::read_file(place.path("/o/low/file")) == "low\n");
  CHECK(inside(space, "/srv/again/file"));
  CHECK(inside(space, "/srv/again/etc/issue"));
  CHECK_FALSE(inside(space, "/scratch"));
}
