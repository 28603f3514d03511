// Which folders nobody but root can change, nor put another in the place of.
#include "base/root_only.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>

#include "base/ids.h"
#include "base/text.h"

using namespace unionroot;
using base::Links;
namespace fs = boost::filesystem;

namespace {

struct Place {
  std::string path = "/var/tmp/unionroot-test-" + base::random_token();
  Place() { make(""); }
  ~Place() { fs::remove_all(path); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::string make(const std::string& name, mode_t mode = 0755) const {
    const auto whole = name.empty() ? path : path + "/" + name;
    REQUIRE(::mkdir(whole.c_str(), mode) == 0);
    REQUIRE(::chmod(whole.c_str(), mode) == 0);
    return whole;
  }
  std::string link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, path + "/" + name);
    return path + "/" + name;
  }
};

// Whoever runs the test counts as root.
base::RootOnly look(const std::string& path, Links links = Links::of_root) {
  return base::open_root_only(path, links, ::geteuid());
}

}  // namespace

TEST_CASE("a folder that only root can change on a way that only root can change") {
  const Place place;
  place.make("a");
  const auto inner = place.make("a/b");
  CHECK(look(inner).folder);
  CHECK(look(inner + "/../b/.//").folder);
  CHECK(look("/").folder);
  for (const auto& open : {place.path, place.path + "/a", inner})
    for (const mode_t mode : {0775U, 0757U, 0777U}) {
      REQUIRE(::chmod(open.c_str(), mode) == 0);
      const auto found = look(inner);
      CHECK_FALSE(found.folder);
      CHECK(found.problem == 0);
      CHECK(found.part == open);
      CHECK(found.why == "is writable by others than root");
      CHECK(found.remedy == "chmod go-w " + open);
      REQUIRE(::chmod(open.c_str(), 0755) == 0);
    }
}

TEST_CASE("a sticky folder may be on the way, and is not the last") {
  const Place place;
  const auto open = place.make("open", 01777);
  place.make("open/ours");
  CHECK(look(open + "/ours").folder);
  for (const auto* way : {"", "/.", "/ours/.."}) CHECK_FALSE(look(open + way).folder);
  // Where somebody else's folder is in it.
  if (::geteuid() != 0) return;
  REQUIRE(::chown((open + "/ours").c_str(), 7, 7) == 0);
  const auto found = look(open + "/ours");
  CHECK_FALSE(found.folder);
  CHECK(found.why == "is owned by uid 7, not by root");
  CHECK(found.remedy == "chown root:root " + open + "/ours");
}

TEST_CASE("what is not there, or is no folder") {
  const Place place;
  std::ofstream(place.path + "/file") << "x";
  CHECK(look(place.path + "/none/inner").problem == ENOENT);
  CHECK(look(place.path + "/none").part == place.path + "/none");
  CHECK(look(place.path + "/file").problem == ENOTDIR);
  CHECK(look(place.path + "/file/inner").problem == ENOTDIR);
  const auto missing = look(place.path + "/none/inner");
  CHECK(missing.part == place.path + "/none");
  CHECK(missing.above);
  CHECK(look(place.link("none", "dangling") + "/inner").problem == ENOENT);
}

TEST_CASE("links that root made are followed, with all that is on their way") {
  const Place place;
  place.make("a");
  place.make("a/b");
  const auto open = place.make("open", 0777);
  place.make("open/inner");
  const auto relative = place.link("a/b", "relative"), absolute = place.link(place.path + "/a", "absolute");
  place.make("a/b/c");
  CHECK(look(relative + "/c").folder);
  CHECK(look(absolute + "/b").folder);
  CHECK(look(place.link("../" + place.path.substr(place.path.rfind('/') + 1) + "/a", "up") + "/b").folder);
  place.make("open/inner/c");
  CHECK(look(place.link("open/inner", "through") + "/c").part == open);
  CHECK(look(place.link("circle", "circle") + "/c").problem == ELOOP);
  CHECK(look(relative).why == "is a symbolic link");
  CHECK(look(relative, Links::of_root_to_the_end).folder);
  CHECK(look(relative, Links::of_root_to_the_end).links == std::vector<std::string>{relative});
  CHECK(look(place.link("open/inner", "last"), Links::of_root_to_the_end).part == open);
  const auto refused = look(relative + "/c", Links::refused);
  CHECK_FALSE(refused.folder);
  CHECK(refused.part == relative);
  CHECK(refused.why == "is a symbolic link");
  if (::geteuid() != 0) return;
  REQUIRE(::lchown(relative.c_str(), 7, 7) == 0);
  CHECK(look(relative + "/c").why == "is a symbolic link of uid 7, not of root");
}
