// A recursive bind that is taken in pieces, while the users of the bound folders change what is in them.
#include <set>

#include "fixture.h"

using namespace unionroot;
using namespace unionroot::tests;

namespace {

void make_folder(const std::string& path) { base::check(::mkdir(path.c_str(), 0755), "making", path); }

void mount_small(const std::string& path) {
  base::check(::mount("piece", path.c_str(), "tmpfs", 0, nullptr), "mounting on", path);
  write_file(path + "/file", "piece\n");
}

// <place>/given, a file system of its own, is bound at /tmp. Two are mounted in it: x/mnt and other. `own` is a folder
// of the daemon's, for which the bind is taken in pieces.
class Given {
 public:
  Given() {
    make_folder(path());
    base::check(::mount("given", path().c_str(), "tmpfs", 0, nullptr), "mounting on", path());
    for (const char* folder : {"/own", "/x", "/x/mnt", "/other"}) make_folder(path(folder));
    for (const char* folder : {"/own", "/x/mnt", "/other"}) mount_small(path(folder));
    make_folder(place.path("/lower/etc/mnt"));
    mount::InnerMount entry = bind_entry(path(), "tmp");
    entry.recursive = entry.slave = true;
    plan.mounts.push_back(entry);
    mount::InnerMount proc;
    proc.type = proc.source = proc.target = "proc";
    plan.mounts.push_back(proc);
  }
  ~Given() { ::umount2(path().c_str(), MNT_DETACH); }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;

  [[nodiscard]] std::string path(const std::string& sub = "") const { return place.path("/given" + sub); }
  void unmount(const std::string& sub) const {
    base::check(::umount2(path(sub).c_str(), MNT_DETACH), "unmounting", sub);
  }
  void rename(const std::string& from, const std::string& to) const {
    base::check(::rename(path(from).c_str(), path(to).c_str()), "renaming", from);
  }
  [[nodiscard]] std::vector<mount::Namespace::OpenedSource> open() const { return open_sources(plan, {path("/own")}); }
  [[nodiscard]] std::set<std::string> pieces() const {
    std::set<std::string> found;
    const auto sources = open();
    for (const auto& part : sources.at(0).parts) found.insert(part.path);
    return found;
  }
  [[nodiscard]] std::string note(const std::string& sub, const std::string& reason) const {
    return concat("fstab:7: what the host has mounted on ", path(sub),
                  " is left out, because its mount point has changed meanwhile: ", reason);
  }

  Place place;
  mount::MountPlan plan;
};

bool inside(const mount::Namespace& space, const std::string& path) {
  return in_namespace(space, [&] { return ::access(path.c_str(), F_OK) == 0 ? 0 : 1; }) == 0;
}

// How often a file system with that source is mounted in the session.
std::size_t mounted_in(const mount::Namespace& space, const std::string& source) {
  std::size_t count = 0;
  space.visit([&] {
    for (const auto& line : base::split(mount_table(), '\n'))
      if (line.find(concat(" ", source, " ")) != std::string::npos) ++count;
  });
  return count;
}

}  // namespace

TEST_CASE("a piece of a recursive bind gets where it was on the host, or nowhere") {
  require_mounts();
  const Given given;
  mount::Namespace space = lay(given.place);
  auto sources = given.open();
  std::vector<std::string> expected;

  SECTION("nothing has changed") {}
  SECTION("a link to the session's folders stands in place of its parent") {
    given.rename("/x", "/moved");
    base::check(::symlink("/etc", given.path("/x").c_str()), "making", "the link");
    expected = {given.note("/x/mnt", "opening x/mnt: Too many levels of symbolic links")};
  }
  SECTION("a link beneath the bind stands in place of its parent") {
    given.rename("/x", "/moved");
    base::check(::symlink("moved", given.path("/x").c_str()), "making", "the link");
    expected = {given.note("/x/mnt", "opening x/mnt: Too many levels of symbolic links")};
  }
  SECTION("its parent is gone") {
    given.rename("/x", "/moved");
    expected = {given.note("/x/mnt", "opening x/mnt: No such file or directory")};
  }
  SECTION("a file stands in place of its parent") {
    given.rename("/x", "/moved");
    write_file(given.path("/x"), "");
    expected = {given.note("/x/mnt", "opening x/mnt: Not a directory")};
  }
  SECTION("a file or a link stands in its own place") {
    given.unmount("/x/mnt");
    base::check(::rmdir(given.path("/x/mnt").c_str()), "removing", "mnt");
    SECTION("a file") {
      write_file(given.path("/x/mnt"), "");
      expected = {given.note("/x/mnt", "attaching a mount: Invalid argument")};
    }
    SECTION("a link") {
      base::check(::symlink("/etc/mnt", given.path("/x/mnt").c_str()), "making", "the link");
      expected = {given.note("/x/mnt", "opening x/mnt: Too many levels of symbolic links")};
    }
    SECTION("nothing") { expected = {given.note("/x/mnt", "opening x/mnt: No such file or directory")}; }
  }
  const auto notes = space.mount_inner(given.plan, std::move(sources));
  CHECK(notes == expected);
  space.make_root();
  CHECK(inside(space, "/tmp/x/mnt/file") == expected.empty());
  CHECK_FALSE(inside(space, "/etc/mnt/file"));
  CHECK_FALSE(inside(space, "/tmp/own/file"));
  CHECK(inside(space, "/tmp/other/file"));
  CHECK(mounted_in(space, "piece") == (expected.empty() ? 2 : 1));
}

TEST_CASE("what cannot be bound is not in a recursive bind in pieces, nor what is mounted beneath it") {
  require_mounts();
  const Given given;
  make_folder(given.path("/x/mnt/deep"));
  mount_small(given.path("/x/mnt/deep"));
  SECTION("by itself") {
    REQUIRE(::mount(nullptr, given.path("/x/mnt").c_str(), nullptr, MS_UNBINDABLE, nullptr) == 0);
    CHECK(given.pieces() == std::set<std::string>{"other"});
  }
  SECTION("beneath another") {
    REQUIRE(::mount(nullptr, given.path("/x/mnt/deep").c_str(), nullptr, MS_UNBINDABLE, nullptr) == 0);
    CHECK(given.pieces() == std::set<std::string>{"other", "x/mnt"});
  }
  SECTION("of which a part is the daemon's") {
    REQUIRE(::mount(nullptr, given.path("/x/mnt").c_str(), nullptr, MS_UNBINDABLE, nullptr) == 0);
    const auto sources = open_sources(given.plan, {given.path("/own"), given.path("/x/mnt/deep/own")});
    CHECK(sources.at(0).parts.size() == 1);
  }
  mount::Namespace space = lay(given.place);
  CHECK(space.mount_inner(given.plan, given.open()).empty());
  space.make_root();
  CHECK(inside(space, "/tmp/other/file"));
  CHECK_FALSE(inside(space, "/tmp/x/mnt/deep/file"));
}

TEST_CASE("a piece has what is mounted in it, without the daemon's own folders") {
  require_mounts();
  const Given given;
  for (const char* folder : {"/x/mnt/deep", "/x/mnt/ours"}) {
    make_folder(given.path(folder));
    mount_small(given.path(folder));
  }
  CHECK(given.pieces() == std::set<std::string>{"other", "x/mnt"});
  auto sources = open_sources(given.plan, {given.path("/own"), given.path("/x/mnt/ours")});
  mount::Namespace space = lay(given.place);
  SECTION("all are there") {
    CHECK(space.mount_inner(given.plan, std::move(sources)).empty());
    space.make_root();
    CHECK(inside(space, "/tmp/x/mnt/deep/file"));
    CHECK_FALSE(inside(space, "/tmp/x/mnt/ours/file"));
    CHECK(mounted_in(space, "piece") == 3);
  }
  SECTION("where it is left out, so is what is beneath it") {
    given.rename("/x", "/moved");
    base::check(::symlink("/etc", given.path("/x").c_str()), "making", "the link");
    make_folder(given.place.path("/lower/etc/mnt/deep"));
    CHECK(space.mount_inner(given.plan, std::move(sources)).size() == 1);
    space.make_root();
    CHECK_FALSE(inside(space, "/etc/mnt/deep/file"));
    CHECK(mounted_in(space, "piece") == 1);
  }
}

// It refuses root whatever is asked, as every FUSE of a user's does; and no server answers.
TEST_CASE("a user's FUSE is taken along without asking it") {
  require_mounts();
  const UniqueFd server(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!server) skip("this kernel has no FUSE");
  const Given given;
  make_folder(given.path("/fuse"));
  const auto options = concat("fd=", server.get(), ",rootmode=40000,user_id=1000,group_id=1000");
  REQUIRE(::mount("theirs", given.path("/fuse").c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0);
  CHECK(given.pieces() == std::set<std::string>{"fuse", "other", "x/mnt"});
  mount::Namespace space = lay(given.place);
  CHECK(space.mount_inner(given.plan, given.open()).empty());
  space.make_root();
  CHECK(mounted_in(space, "theirs") == 1);
}
