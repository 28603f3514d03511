#include <catch2/catch.hpp>

#include "copy_file.h"
#include "store/schema.h"
#include "support.h"

using namespace store_test;

namespace {

// Many rows, so that there are pages to damage.
void fill(const std::string& file) {
  Store store(file);
  for (int i = 0; i < 200; ++i) {
    auto record = session("s" + std::to_string(i));
    record.definition.assign(1000, 'd');
    store.add_session(record);
  }
  store.checkpoint();  // as at the daemon's end; what the log still has would be taken from there
}

// It was set aside byte for byte, and a new one works in its place.
void check_set_aside(const Folder& folder, const std::string& damaged) {
  Store store(folder.file());
  REQUIRE(store.set_aside());
  CHECK(contains(*store.set_aside(), folder.file() + ".corrupt-2"));
  CHECK(base::read_file(*store.set_aside()) == damaged);
  CHECK(store.sessions().empty());
  store.add_session(session("new"));
  CHECK(store.session("new"));
}

}  // namespace

TEST_CASE("garbage is set aside") {
  const Folder folder;
  std::string garbage;
  for (int i = 0; i < 10000; ++i) garbage.push_back(static_cast<char>(i * 7));
  write_file(folder.file(), garbage);
  check_set_aside(folder, garbage);
}

TEST_CASE("a short text file is set aside") {
  const Folder folder;
  write_file(folder.file(), "hello\n");
  check_set_aside(folder, "hello\n");
}

TEST_CASE("a truncated database is set aside") {
  const Folder folder;
  fill(folder.file());
  const std::string whole = base::read_file(folder.file());
  const auto size = GENERATE(as<std::size_t>{}, 4096 * 10, 4096 * 3 + 17, 4096, 100, 50);
  REQUIRE(whole.size() > size);
  write_file(folder.file(), whole.substr(0, size));
  check_set_aside(folder, whole.substr(0, size));
}

TEST_CASE("a flipped page is set aside") {
  const Folder folder;
  fill(folder.file());
  std::string content = base::read_file(folder.file());
  // Two of the tables' first pages, and one with rows; others are free.
  const auto page = GENERATE_COPY(as<std::size_t>{}, 1, 5, content.find(std::string(500, 'd')) / 4096);
  INFO("page " << page);
  REQUIRE(content.size() >= page * 4096 + 4096);
  for (std::size_t i = 0; i < 4096; ++i) content[page * 4096 + i] = static_cast<char>(~content[page * 4096 + i]);
  write_file(folder.file(), content);
  check_set_aside(folder, content);
}

TEST_CASE("a word that the program does not know counts as damage") {
  const Folder folder;
  fill(folder.file());
  {
    Database database(folder.file(), std::chrono::milliseconds(100));
    database.execute("PRAGMA ignore_check_constraints=ON");
    database.execute("UPDATE sessions SET state = 'asleep' WHERE id = 's3'");
  }
  check_set_aside(folder, base::read_file(folder.file()));
}

TEST_CASE("the log goes along") {
  const Folder folder;
  fill(folder.file());
  write_file(folder.file(), "garbage, and a log beside it");
  write_file(folder.file() + "-wal", "log");
  write_file(folder.file() + "-shm", "index");
  const Store store(folder.file());
  REQUIRE(store.set_aside());
  CHECK(base::read_file(*store.set_aside()) == "garbage, and a log beside it");
  CHECK(base::read_file(*store.set_aside() + "-wal") == "log");
  CHECK(base::try_read_file(*store.set_aside() + "-shm"));
}

TEST_CASE("a log without its database is set aside, not swallowed by a new one") {
  const Folder folder;
  write_file(folder.file() + "-wal", "log");
  if (GENERATE(false, true)) write_file(folder.file(), "");
  const Store store(folder.file());
  REQUIRE(store.set_aside());
  CHECK(base::read_file(*store.set_aside() + "-wal") == "log");
}

TEST_CASE("an empty file is a new database") {
  const Folder folder;
  write_file(folder.file(), "");
  const Store store(folder.file());
  CHECK_FALSE(store.set_aside());
  CHECK(store.sessions().empty());
}

TEST_CASE("damaged files that were set aside before are never overwritten") {
  const Folder folder;
  std::vector<std::string> names;
  for (int i = 0; i < 4; ++i) {
    const std::string content = "garbage " + std::to_string(i);
    write_file(folder.file(), content);
    names.push_back(Store(folder.file()).set_aside().value());
  }
  for (int i = 0; i < 4; ++i)
    CHECK(base::read_file(names[static_cast<std::size_t>(i)]) == "garbage " + std::to_string(i));
}

TEST_CASE("a log that was never folded in is read after a crash") {
  const Folder folder, crashed;
  Store store(folder.file());
  store.add_session(session("a"));
  store.activate(session("a"), {}, true);
  // What a crash leaves: the files as they are now.
  for (const char* suffix : {"", "-wal", "-shm"}) tests::copy_file(folder.file() + suffix, crashed.file() + suffix);
  const Store after(crashed.file());
  CHECK_FALSE(after.set_aside());
  REQUIRE(after.session("a"));
  CHECK(after.session("a")->state == SessionState::active);
}
