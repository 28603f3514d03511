#include "session/trash.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.h"
#include "session_fixture.h"

using namespace unionroot;
namespace fs = std::filesystem;

TEST_CASE("what is discarded is gone from its folder at once, and deleted soon") {
  test::TemporaryFolder folder;
  fs::create_directories(folder.path + "/sessions/a/upper/deep/er");
  std::ofstream(folder.path + "/sessions/a/upper/deep/file") << "x";
  session::Trash trash;
  trash.discard(folder.path + "/sessions", "a", folder.path + "/trash");
  CHECK_FALSE(fs::exists(folder.path + "/sessions/a"));
  trash.drain();
  CHECK(fs::is_empty(folder.path + "/trash"));
  CHECK_NOTHROW(trash.discard(folder.path + "/sessions", "a", folder.path + "/trash"));
  CHECK_THROWS_AS(trash.discard(folder.path + "/nowhere", "a", folder.path + "/trash"), base::SystemError);
}

TEST_CASE("what an earlier daemon left in the trash is deleted") {
  test::TemporaryFolder folder;
  fs::create_directories(folder.path + "/trash/a-1/upper");
  fs::create_directories(folder.path + "/trash/b-2");
  session::Trash trash;
  trash.adopt(folder.path + "/trash");
  trash.adopt(folder.path + "/no-trash");
  trash.drain();
  CHECK(fs::is_empty(folder.path + "/trash"));
}
