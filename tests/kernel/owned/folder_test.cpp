// Owners' tokens on folders of real file systems.
#include "owned/folder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include "../mount/fixture.h"
#include "base/error.h"
#include "kernel/files.h"

using namespace unionroot;
using owned::Found;
using owned::Token;
using tests::Place;
using tests::require_mounts;

namespace {

constexpr const char* attribute = "trusted.unionroot.owner";
const Token ours{"00000000000000aa", 5, "sid"};
const Token foreign[] = {
    {"00000000000000bb", 5, "sid"}, {"00000000000000aa", 6, "sid"}, {"00000000000000aa", 5, "six"}};

std::string attribute_of(const std::string& path) {
  char text[1000];
  const auto size = ::getxattr(path.c_str(), attribute, text, sizeof text);
  return size < 0 ? "none" : std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("a folder is made with its owner's token, and found again") {
  require_mounts();
  const Place place;
  const auto path = place.path("/lower/tmp");
  const auto folder = kernel::open_directory(path);
  CHECK(owned::find(folder.get(), "sid", ours) == Found::nothing);
  { const auto made = owned::ensure_folder(folder.get(), path, "sid", ours, 0700); }
  CHECK(attribute_of(path + "/sid") == ours.text());
  CHECK(owned::find(folder.get(), "sid", ours) == Found::ours);
  kernel::make_directory(kernel::open_directory(path + "/sid").get(), "upper", 0755);
  const auto again = owned::ensure_folder(folder.get(), path, "sid", ours, 0700);
  CHECK(kernel::exists_at(again.get(), "upper"));
  for (const auto& token : foreign) {
    CHECK(owned::find(folder.get(), "sid", token) == Found::foreign);
    CHECK_THROWS_AS(owned::ensure_folder(folder.get(), path, "sid", token, 0700), base::Error);
  }
  CHECK(kernel::exists_at(again.get(), "upper"));
  CHECK(kernel::list_directory(folder.get()) == std::vector<std::string>{"sid"});
}

TEST_CASE("what has no token, or one that cannot be read, is nobody's that we know") {
  require_mounts();
  const Place place;
  const auto path = place.path("/lower/tmp");
  const auto folder = kernel::open_directory(path);
  tests::write_file(path + "/file", "");
  REQUIRE(::symlink("plain", (path + "/link").c_str()) == 0);
  kernel::make_directory(folder.get(), "plain", 0700);
  kernel::make_directory(folder.get(), "later", 0700);
  REQUIRE(::setxattr((path + "/later").c_str(), attribute, "2.x", 3, 0) == 0);
  for (const char* name : {"file", "link", "plain", "later"}) {
    INFO(name);
    CHECK(owned::find(folder.get(), name, ours) == Found::foreign);
    CHECK_THROWS_AS(owned::ensure_folder(folder.get(), path, name, ours, 0700), base::Error);
    CHECK_FALSE(owned::mark_of(folder.get(), name).token);
  }
  CHECK(owned::mark_of(folder.get(), "later").text == "2.x");
}

TEST_CASE("what a crash left under the unfinished name is used") {
  require_mounts();
  const Place place;
  const auto path = place.path("/lower/tmp");
  const auto folder = kernel::open_directory(path);
  kernel::make_directory(folder.get(), owned::unfinished_name(ours), 0700);
  const auto made = owned::ensure_folder(folder.get(), path, "sid", ours, 0700);
  CHECK(kernel::list_directory(folder.get()) == std::vector<std::string>{"sid"});
  CHECK(owned::find(folder.get(), "sid", ours) == Found::ours);
}

TEST_CASE("a file says who the owner is where there are no attributes") {
  require_mounts();
  const Place place;
  const auto path = place.path("/ramfs");
  REQUIRE(::mkdir(path.c_str(), 0755) == 0);
  REQUIRE(::mount("ramfs", path.c_str(), "ramfs", 0, nullptr) == 0);
  {
    const auto folder = kernel::open_directory(path);
    const auto made = owned::ensure_folder(folder.get(), path, "sid", ours, 0700);
    CHECK(attribute_of(path + "/sid") == "none");
    CHECK(base::read_file(path + "/sid/.unionroot") == ours.text());
    CHECK(owned::find(folder.get(), "sid", ours) == Found::ours);
    CHECK(owned::find(folder.get(), "sid", foreign[0]) == Found::foreign);
  }
  CHECK(::umount2(path.c_str(), MNT_DETACH) == 0);
}
