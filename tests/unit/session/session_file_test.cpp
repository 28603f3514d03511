#include "session/session_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.h"
#include "copy_file.h"
#include "kernel/files.h"
#include "session/journal.h"
#include "session_fixture.h"

using namespace unionroot;

namespace {

session::SessionFile of_daemon() {
  session::SessionFile file;
  file.daemon = "00000000000000aa";
  file.record.created = 1;
  return file;
}

std::optional<session::SessionFile> read(const std::string& sessions, const std::string& id) {
  return session::read_session_file(kernel::open_directory(sessions).get(), sessions, id);
}

}  // namespace

TEST_CASE("a session file gives back the record and its stages") {
  test::TemporaryFolder folder;
  session::SessionFile file = of_daemon();
  file.record.id = "sid-1";
  file.record.chroot = "sid";
  file.record.selected_name = "chroot:unstable";
  file.record.definition = "{\"x\": 1}";
  file.record.owner = 1000;
  file.record.owner_name = "jo";
  file.record.created = 1234567890123456;
  file.record.boot_id = "b";
  file.record.options = "{}";
  file.record.front_end = true;
  file.stages = {{0, "source", store::StageState::done, "{}"},
                 {1, "union", store::StageState::done, "{\"backing\":\"directory\"}"}};
  session::write_session_file(folder.path, file, false);

  struct stat facts {};
  REQUIRE(::stat((folder.path + "/sid-1/session.json").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);

  const auto found = read(folder.path, "sid-1");
  REQUIRE(found);
  CHECK(found->record.selected_name == "chroot:unstable");
  CHECK(found->record.definition == file.record.definition);
  CHECK(found->record.owner == 1000);
  CHECK(found->record.created == file.record.created);
  CHECK(found->record.kind == store::SessionKind::preserved);
  CHECK(found->daemon == "00000000000000aa");
  CHECK(found->record.marked);
  CHECK(found->record.front_end);
  REQUIRE(found->stages.size() == 2);
  CHECK(found->stages[1].data == file.stages[1].data);
}

TEST_CASE("notes go with a session file, and do not make another of it") {
  test::TemporaryFolder folder;
  session::SessionFile file = of_daemon();
  file.record.id = "a";
  file.record.notes = session::notes_to_json({"one", "two \xff"});
  session::write_session_file(folder.path, file, false);
  const auto found = read(folder.path, "a");
  REQUIRE(found);
  CHECK(session::notes_from_json(found->record.notes) == std::vector<std::string>{"one", "two \xef\xbf\xbd"});
  file.record.notes = "[]";
  file.record.boot_id = "another";
  CHECK(session::session_file_is_current(folder.path, file));
  file.record.owner = 7;
  CHECK_FALSE(session::session_file_is_current(folder.path, file));
}

TEST_CASE("a session file goes with its folder, but not from beside an upper layer") {
  test::TemporaryFolder folder;
  session::SessionFile file = of_daemon();
  file.record.id = "a";
  session::remove_session_file(folder.path, file.token());
  session::remove_session_file(folder.path + "/none", file.token());
  session::write_session_file(folder.path, file, false);
  boost::filesystem::create_directory(folder.path + "/a/upper");
  session::remove_session_file(folder.path, file.token());
  CHECK(read(folder.path, "a"));
  boost::filesystem::remove(folder.path + "/a/upper");
  tests::copy_file(folder.path + "/a/session.json", folder.path + "/a/.session.json.0123abcd.tmp");
  session::remove_session_file(folder.path, file.token());
  CHECK_FALSE(boost::filesystem::exists(folder.path + "/a"));
}

TEST_CASE("a session file of another session or daemon stays") {
  test::TemporaryFolder folder;
  auto file = of_daemon();
  file.record.id = "a";
  session::write_session_file(folder.path, file, false);
  for (const auto& other : {owned::Token{"00000000000000bb", 1, "a"}, owned::Token{"00000000000000aa", 2, "a"}}) {
    session::remove_session_file(folder.path, other);
    CHECK(read(folder.path, "a"));
  }
  auto others = file;
  others.daemon = "00000000000000bb";
  CHECK_THROWS_WITH(session::write_session_file(folder.path, others, false), Catch::Contains("00000000000000aa"));
  CHECK(read(folder.path, "a")->daemon == file.daemon);
}

TEST_CASE("a session file of a former version has no daemon, and its session no token") {
  auto file = of_daemon();
  file.record.id = "a";
  auto text = session::to_json(file);
  const std::string key = "\"daemon\": \"00000000000000aa\",";
  REQUIRE(text.find(key) != std::string::npos);
  text.erase(text.find(key), key.size());
  const auto read = session::from_json(text, "a");
  REQUIRE(read);
  CHECK(read->daemon.empty());
  CHECK_FALSE(read->record.marked);
}

TEST_CASE("of many notes the last are kept, and of nonsense none") {
  std::vector<std::string> many(session::most_kept_notes + 5, "x");
  many.back() = "last";
  const auto kept = session::notes_from_json(session::notes_to_json(many));
  CHECK(kept.size() == session::most_kept_notes);
  CHECK(kept.back() == "last");
  for (const auto* text : {"", "{}", "[1]", "[\"a\"", "null"}) CHECK(session::notes_from_json(text).empty());
  CHECK(session::notes_to_json({}) == "[]");
}

TEST_CASE("a torn, foreign or missing session file is none") {
  session::SessionFile file = of_daemon();
  file.record.id = "a";
  const auto text = session::to_json(file);
  CHECK(session::from_json(text, "a"));
  CHECK_FALSE(session::from_json(text, "b"));
  for (std::size_t length = 0; length + 2 < text.size(); length += 7)
    CHECK_FALSE(session::from_json(text.substr(0, length), "a"));
  CHECK_FALSE(session::from_json("[]", "a"));
  CHECK_FALSE(session::read_session_file(-1, "/nonexistent", "a"));
}

TEST_CASE("a session file that others can write, or that is a link, is not believed") {
  test::TemporaryFolder folder;
  auto file = of_daemon();
  file.record.id = "a";
  session::write_session_file(folder.path, file, false);
  REQUIRE(read(folder.path, "a"));
  const auto path = folder.path + "/a/session.json";
  for (const auto& open : {path, folder.path + "/a"}) {
    struct stat before {};
    REQUIRE(::stat(open.c_str(), &before) == 0);
    REQUIRE(::chmod(open.c_str(), before.st_mode | S_IWGRP) == 0);
    CHECK_THROWS_WITH(read(folder.path, "a"), Catch::Contains("is writable by others than root"));
    REQUIRE(::chmod(open.c_str(), before.st_mode) == 0);
  }
  boost::filesystem::rename(path, folder.path + "/genuine");
  boost::filesystem::create_symlink(folder.path + "/genuine", path);
  CHECK_FALSE(read(folder.path, "a"));
  boost::filesystem::remove(path);
  boost::filesystem::rename(folder.path + "/a", folder.path + "/b");
  boost::filesystem::rename(folder.path + "/genuine", folder.path + "/b/session.json");
  boost::filesystem::create_symlink("b", folder.path + "/a");
  CHECK_FALSE(read(folder.path, "a"));
}

TEST_CASE("a session file with a number that its field cannot hold is none") {
  session::SessionFile file = of_daemon();
  file.record.id = "a";
  file.record.owner = 1000;
  file.stages = {{7, "source", store::StageState::done, "{}"}};
  const auto text = session::to_json(file);
  REQUIRE(session::from_json(text, "a"));
  const auto with = [&](const std::string& entry, const std::string& value) {
    const auto at = text.find(entry);
    REQUIRE(at != std::string::npos);
    const auto number = at + entry.find(' ') + 1;
    return session::from_json(text.substr(0, number) + value + text.substr(at + entry.size()), "a");
  };
  CHECK(with("\"owner\": 1000", "1001"));
  for (const auto* value : {"4294967296", "-1", "0.5", "1e3", "\"0\"", "null"}) {
    INFO(value);
    CHECK_FALSE(with("\"owner\": 1000", value));
    CHECK_FALSE(with("\"position\": 7", value));
  }
  for (const auto* value : {"18446744073709551615", "1e300", "-1"}) CHECK_FALSE(with("\"created\": 1", value));
}
