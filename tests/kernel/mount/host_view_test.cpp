// The host's side: views and kept namespaces.
#include "mount/host_view.h"

#include "fixture.h"
#include "kernel/mountinfo.h"

using namespace unionroot;
using namespace unionroot::tests;

namespace {

std::vector<std::string> propagation_at(const std::string& target) {
  for (const kernel::MountEntry& entry : kernel::parse_mountinfo(mount_table()))
    if (entry.target == target) return entry.propagation;
  return {"not mounted"};
}

}  // namespace

TEST_CASE("a host view is a window into the session, and goes with what was mounted on it") {
  require_mounts();
  const Place place;
  mount::HostViews views(kernel::real_mounts(), place.path("/run/deeper"));
  CHECK(views.views().empty());
  {
    mount::Namespace space = lay(place);
    mount_all(space, usual_plan());
    space.make_root();
    CHECK_FALSE(views.has_view("s1"));
    views.attach_view("s1", {}, {space.clone_view(), {}});
    CHECK(views.has_view("s1"));
    CHECK(views.views() == std::vector<std::string>{"s1"});
    CHECK_THROWS_WITH(views.attach_view("s1", {}, {space.clone_view(), {}}), Catch::Contains("is mounted at"));

    const std::string view = views.view_path("s1");
    CHECK(base::read_file(view + "/etc/issue") == "lower\n");
    CHECK(::access((view + "/proc/1").c_str(), F_OK) == 0);
    write_file(view + "/from-host", "1");
    CHECK(in_namespace(space, [] { return base::read_file("/from-host") == "1" ? 0 : 1; }) == 0);
    CHECK(in_namespace(space, [] {
            return ::mkdir("/tmp/m", 0755) == 0 && ::mount("none", "/tmp/m", "tmpfs", 0, nullptr) == 0 &&
                           ::mkdir("/tmp/m/inside", 0755) == 0
                       ? 0
                       : 1;
          }) == 0);
    CHECK(::access((view + "/tmp/m").c_str(), F_OK) == 0);
    CHECK(::access((view + "/tmp/m/inside").c_str(), F_OK) != 0);
    // Somebody mounts over the view: it goes with it.
    REQUIRE(::mount("none", view.c_str(), "tmpfs", 0, nullptr) == 0);
    views.detach_view("s1");
    CHECK_FALSE(views.has_view("s1"));
    CHECK(views.views().empty());
    CHECK_NOTHROW(views.detach_view("s1"));
  }
  views.release_if_empty();
}

TEST_CASE("a view's folder is its owner's, who cannot write there") {
  require_mounts();
  const Place place;
  mount::HostViews views(kernel::real_mounts(), place.path("/run"));
  mount::Namespace space = lay(place);
  space.make_root();
  for (const bool for_all : {false, true}) {
    views.attach_view("s1", {12, for_all}, {space.clone_view(), {}});
    struct stat facts {};
    REQUIRE(::stat(place.path("/run/mount/s1").c_str(), &facts) == 0);
    CHECK(facts.st_uid == 12);
    CHECK((facts.st_mode & 07777) == (for_all ? 0755U : 0700U));
    CHECK(::mkdir(place.path("/run/mount/s1/mine").c_str(), 0755) == -1);
    CHECK(errno == EROFS);
    CHECK(base::read_file(views.view_path("s1") + "/etc/issue") == "lower\n");
    views.detach_view("s1");
  }
  views.release_if_empty();
}

TEST_CASE("a view of a former version is found, and goes") {
  require_mounts();
  const Place place;
  const std::string former = place.path("/run/mount/s1");
  REQUIRE(::mkdir(place.path("/run").c_str(), 0755) == 0);
  REQUIRE(::mkdir(place.path("/run/mount").c_str(), 0755) == 0);
  REQUIRE(::mkdir(place.path("/run/ns").c_str(), 0755) == 0);
  for (const char* name : {"/run/mount", "/run/ns"})
    REQUIRE(::mount("none", place.path(name).c_str(), "tmpfs", 0, "mode=0755") == 0);
  REQUIRE(::mkdir(former.c_str(), 0755) == 0);
  REQUIRE(::mount("none", former.c_str(), "tmpfs", 0, nullptr) == 0);
  mount::HostViews views(kernel::real_mounts(), place.path("/run"));
  struct stat facts {};
  REQUIRE(::stat(place.path("/run/ns").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0700U);
  CHECK(::mkdir(place.path("/run/mount/s2").c_str(), 0755) == -1);
  CHECK(views.has_former_view("s1"));
  CHECK_FALSE(views.has_view("s1"));
  CHECK(views.views() == std::vector<std::string>{"s1"});
  views.detach_view("s1");
  CHECK(views.views().empty());
  views.release_if_empty();
}

TEST_CASE("a kept namespace outlives its descriptors, and goes when it is dropped") {
  require_mounts();
  const Place place;
  mount::HostViews views(kernel::real_mounts(), place.path("/run"));
  ino_t inode = 0;
  {
    mount::Namespace space = lay(place);
    space.make_root();
    inode = space.inode();
    views.keep_namespace("s1", space.descriptor());
    CHECK_THROWS_WITH(views.keep_namespace("s1", space.descriptor()), Catch::Contains("already"));
  }
  // A second daemon on the same folder finds everything as it is.
  mount::HostViews again(kernel::real_mounts(), place.path("/run"));
  CHECK(again.namespaces() == std::vector<std::string>{"s1"});
  {
    const mount::Namespace space = factory().adopt(again.open_namespace("s1"));
    CHECK(space.inode() == inode);
    CHECK(kernel::read_in_tree(space.root().get(), "etc/issue", 100) == "lower\n");
  }
  again.release_if_empty();  // it is not empty
  CHECK(again.open_namespace("s1"));
  again.drop_namespace("s1");
  again.drop_namespace("s1");
  CHECK_FALSE(again.open_namespace("s1"));
  again.release_if_empty();
}

TEST_CASE("a file without a namespace, left by a daemon that died, is no namespace") {
  require_mounts();
  const Place place;
  mount::HostViews views(kernel::real_mounts(), place.path("/run"));
  write_file(place.path("/run/ns/s2"), "");
  CHECK_FALSE(views.open_namespace("s2"));
  mount::Namespace space = lay(place);
  views.keep_namespace("s2", space.descriptor());
  CHECK(views.open_namespace("s2"));
  views.drop_namespace("s2");
  CHECK_FALSE(views.open_namespace("unknown"));
  views.release_if_empty();
}

TEST_CASE("the views' folder is shared and the namespaces' private, under a private and under a shared parent") {
  require_mounts();
  const Place place;
  const std::string runtime = place.path("/run");
  for (const unsigned long parent : {MS_PRIVATE, MS_SHARED}) {
    base::check(::mkdir(runtime.c_str(), 0755), "making", runtime);
    REQUIRE(::mount("none", runtime.c_str(), "tmpfs", 0, nullptr) == 0);
    REQUIRE(::mount(nullptr, runtime.c_str(), nullptr, parent, nullptr) == 0);
    {
      mount::HostViews views(kernel::real_mounts(), runtime);
      REQUIRE(propagation_at(runtime + "/mount").size() == 1);
      CHECK_THAT(propagation_at(runtime + "/mount")[0], Catch::StartsWith("shared:"));
      CHECK(propagation_at(runtime + "/ns").empty());
      views.release_if_empty();
    }
    CHECK(propagation_at(runtime + "/mount") == std::vector<std::string>{"not mounted"});
    REQUIRE(::umount2(runtime.c_str(), 0) == 0);
    REQUIRE(::rmdir(runtime.c_str()) == 0);
  }
}

TEST_CASE("names from outside cannot lead out of the folders") {
  require_mounts();
  const Place place;
  mount::HostViews views(kernel::real_mounts(), place.path("/run"));
  for (const char* bad : {"..", "a/b", "", ".x", "/etc"}) {
    INFO(bad);
    CHECK_THROWS_AS(views.attach_view(bad, {}, {}), base::Error);
    CHECK_THROWS_AS(views.detach_view(bad), base::Error);
    CHECK_THROWS_AS(views.keep_namespace(bad, -1), base::Error);
    CHECK_THROWS_AS(views.drop_namespace(bad), base::Error);
    CHECK_THROWS_AS(views.open_namespace(bad), base::Error);
    CHECK_THROWS_AS(views.has_view(bad), base::Error);
  }
  CHECK_THROWS_AS(views.keep_namespace("s1", -1), base::SystemError);
  CHECK(views.namespaces().empty());
  views.release_if_empty();
}
