#include "owned/daemon_id.h"

#include <unistd.h>

#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/files.h"
#include "owned/token.h"
#include "temporary_folder.h"

using namespace unionroot;
using owned::agree_daemon_id;
using store::Store;
using tests::TemporaryFolder;

namespace {

const std::string one_id = "00000000000000aa", other_id = "00000000000000bb";

std::string database(const TemporaryFolder& state) { return state / "state.db"; }

std::string agree(const TemporaryFolder& state) {
  Store store(database(state));
  return agree_daemon_id(state.path(), store);
}

std::string recorded(const TemporaryFolder& state) { return Store(database(state)).daemon_id().value_or("none"); }

std::string in_file(const TemporaryFolder& state) {
  const auto file = owned::parse_id_file(base::read_file(state / "id"));
  return file && file->place == state.path() ? file->id : "none";
}

void record(const TemporaryFolder& state, const std::string& id) { Store(database(state)).set_daemon_id(id); }

void remove_database(const TemporaryFolder& state) {
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) boost::filesystem::remove(state / name);
}

}  // namespace

TEST_CASE("a new state directory gets an id of its own, which stays") {
  const TemporaryFolder one, other;
  const auto id = agree(one);
  CHECK(owned::valid_daemon_id(id));
  CHECK(recorded(one) == id);
  CHECK(in_file(one) == id);
  CHECK(agree(one) == id);
  CHECK(agree(other) != id);
}

TEST_CASE("what is lost of the two is taken from the other") {
  const TemporaryFolder state;
  const auto id = agree(state);
  remove_database(state);
  CHECK(agree(state) == id);
  CHECK(recorded(state) == id);
  boost::filesystem::remove(state / "id");
  CHECK(agree(state) == id);
  CHECK(in_file(state) == id);
}

TEST_CASE("a file that is torn, or not ours, is written anew from the database") {
  const TemporaryFolder state;
  record(state, one_id);
  for (const std::string text : {"", "id=00000000000000aa\n", "id=00000000000000aa\nstate-directory=relative\n",
                                 "id=../../x\nstate-directory=/x\n", "\x1b[2J"}) {
    INFO(text);
    state.write("id", text);
    CHECK(agree(state) == one_id);
    CHECK(in_file(state) == one_id);
  }
}

TEST_CASE("a database and a file of two daemons are refused, and left as they are") {
  const TemporaryFolder state;
  record(state, one_id);
  const auto text = owned::to_text({other_id, state.path()});
  state.write("id", text);
  CHECK_THROWS_WITH(agree(state), Catch::Contains(one_id) && Catch::Contains(other_id));
  CHECK(base::read_file(state / "id") == text);
  CHECK(recorded(state) == one_id);
}

TEST_CASE("a copy of a state directory is refused as long as the first is there; one that was moved is not") {
  const TemporaryFolder original, copy;
  const auto id = agree(original);
  boost::filesystem::copy(
      original.path(), copy.path(),
      boost::filesystem::copy_options::recursive | boost::filesystem::copy_options::overwrite_existing);
  CHECK_THROWS_WITH(agree(copy), Catch::Contains("is a copy of " + original.path()));
  CHECK(agree(original) == id);
  boost::filesystem::remove(original / "id");
  CHECK(agree(copy) == id);
  CHECK(in_file(copy) == id);
}

TEST_CASE("another name of the same state directory is no copy") {
  const TemporaryFolder state, names;
  const auto id = agree(state);
  const boost::filesystem::path path(state.path());
  REQUIRE(::symlink(path.parent_path().c_str(), (names / "link").c_str()) == 0);
  const auto other_name = names / "link/" + path.filename().string();
  Store store(other_name + "/state.db");
  CHECK(agree_daemon_id(other_name, store) == id);
}
