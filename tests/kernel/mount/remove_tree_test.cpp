// Deleting trees, with what only root can put in their way.
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "fixture.h"

using namespace unionroot;
using namespace unionroot::tests;

TEST_CASE("a tree is removed down to a mount, never into it") {
  require_mounts();
  const Place place;
  const UniqueFd folder = kernel::open_directory(place.path());
  for (const char* sub : {"/t", "/t/a", "/t/m"}) base::check(::mkdir(place.path(sub).c_str(), 0755), "making", sub);
  write_file(place.path("/t/a/file"), "x");
  REQUIRE(::mount("none", place.path("/t/m").c_str(), "tmpfs", 0, nullptr) == 0);
  write_file(place.path("/t/m/precious"), "x");
  try {
    kernel::remove_tree(folder.get(), "t");
    FAIL("no error");
  } catch (const base::SystemError& error) {
    CHECK(error.error_number() == EBUSY);
    CHECK_THAT(error.what(), Catch::Contains("something is mounted on t/m"));
  }
  CHECK(::access(place.path("/t/m/precious").c_str(), F_OK) == 0);
  CHECK(::access(place.path("/t/a").c_str(), F_OK) != 0);
  REQUIRE(::umount2(place.path("/t/m").c_str(), 0) == 0);
  // The same for a bind of the same file system, which rename and device numbers do not tell apart.
  REQUIRE(::mount(place.path("/lower").c_str(), place.path("/t/m").c_str(), nullptr, MS_BIND, nullptr) == 0);
  CHECK_THROWS_AS(kernel::remove_tree(folder.get(), "t"), base::SystemError);
  CHECK(::access(place.path("/lower/etc/issue").c_str(), F_OK) == 0);
  REQUIRE(::umount2(place.path("/t/m").c_str(), 0) == 0);
  CHECK(kernel::remove_tree(folder.get(), "t"));
  CHECK(::access(place.path("/t").c_str(), F_OK) != 0);
}

TEST_CASE("what is immutable or append-only is removed too") {
  require_mounts();
  const Place place;
  const UniqueFd folder = kernel::open_directory(place.path());
  for (const char* sub : {"/t", "/t/a", "/t/b", "/t/c"})
    base::check(::mkdir(place.path(sub).c_str(), 0755), "making", sub);
  for (const char* name : {"/t/a/stuck", "/t/a/log", "/t/b/loose", "/t/c/within"}) write_file(place.path(name), "x");
  REQUIRE(::symlink("/etc/passwd", place.path("/t/c/link").c_str()) == 0);
  // A folder keeps what is in it.
  for (const auto& [name, wanted] : std::initializer_list<std::pair<const char*, int>>{{"/t/a/stuck", FS_IMMUTABLE_FL},
                                                                                       {"/t/a/log", FS_APPEND_FL},
                                                                                       {"/t/c", FS_IMMUTABLE_FL},
                                                                                       {"/t", FS_APPEND_FL}}) {
    const UniqueFd file(::open(place.path(name).c_str(), O_RDONLY | O_CLOEXEC));
    int flags = wanted;
    if (::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) != 0) skip("this file system has no immutable flag");
  }
  CHECK(kernel::remove_tree(folder.get(), "t"));
  CHECK(::access(place.path("/t").c_str(), F_OK) != 0);
}
