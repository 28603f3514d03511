// Names and content of lock files; keys of trees.
#include "locks/lock_file.h"

#include <limits>

#include "place.h"

using namespace locks_test;
using namespace locks::detail;
using locks::LockKind;

TEST_CASE("lock file names are taken apart as they were put together") {
  for (const FileName& name : {FileName{"a1-2", LockKind::session, "build.1-x_y", ""},
                               FileName{"d10-ff", LockKind::source, "pid-12-0a1b2c3d", ""},
                               FileName{"f9", LockKind::session, "x.session.y", "0a1b2c3d"}}) {
    const auto text = file_name(name);
    const auto parsed = parse_file_name(text);
    INFO(text);
    REQUIRE(parsed);
    CHECK(parsed->key == name.key);
    CHECK(parsed->kind == name.kind);
    CHECK(parsed->holder == name.holder);
    CHECK(parsed->token == name.token);
  }
  const FileName longest{std::string(34, 'a'), LockKind::session, std::string(200, 's'), "0a1b2c3d"};
  CHECK(file_name(longest).size() <= 255);
}

TEST_CASE("other files in the directory are not taken for locks") {
  for (const char* name :
       {"", ".", "..", "a1-2.manage", "a1-2.session", "a1-2.session.", "a1-2.other.x", "A1.session.x", "-1.session.x",
        ".session.x", "a1-2.session..x", "a1-2.session.-x", "a1-2.session.x y", "a1-2.session.x+", "a1-2.source.x+",
        "a1-2.session.x+1+2", ".broken-1-a1-2.session.x", ".new-a1-2-0a1b2c3d", "g1.source.x"}) {
    INFO(name);
    CHECK_FALSE(parse_file_name(name));
  }
  CHECK(key_of_manage("a1-2.manage") == "a1-2");
  CHECK_FALSE(key_of_manage("../x.manage"));
  CHECK_FALSE(key_of_manage("a1-2.session.x.manage"));
  CHECK(key_of_temporary(temporary_name("a1-2")) == "a1-2");
  CHECK_FALSE(key_of_temporary(".new-zz"));
  CHECK_THROWS_WITH(require_valid_key("../../etc"), "invalid lock key '../../etc'");
}

TEST_CASE("content can be read by people, and read back") {
  auto made = owner("x", true);
  made.process = {42, 4711, "boot"};
  made.since = 1'700'000'000'000'001;
  made.purpose = "a\nb\\c\x1b[31m\x7f ü";
  const auto text = format_owner(made);
  CHECK_THAT(text, Catch::Contains("pid=42\n") && Catch::Contains("since-text=2023-11-14 22:13:20 UTC\n"));
  CHECK(text.find('\x1b') == std::string::npos);
  const auto read = parse_owner(text);
  REQUIRE(read);
  CHECK(read->process == made.process);
  CHECK(read->uid == 1000);
  CHECK(read->user == "alice");
  CHECK(read->session == "x");
  CHECK(read->chroot == "bookworm");
  CHECK(read->tree == "/srv/bookworm");
  CHECK(read->purpose == made.purpose);
  CHECK(read->preserved);
  CHECK(read->since == made.since);
}

TEST_CASE("the lines that name the process are of one size, for all there can be") {
  const std::string boot = "00000000-0000-4000-8000-000000000000";
  const auto size = format_process({1, 1, boot}).size();
  CHECK(format_process({4194304, std::numeric_limits<std::uint64_t>::max(), boot}).size() == size);
  CHECK(format_process({std::numeric_limits<pid_t>::max(), 1, ""}).size() == size);
  CHECK(size <= 512);  // a sector
  auto made = owner("x", true);
  made.process = {42, 4711, boot};
  made.since = 1;
  auto text = format_owner(made);
  REQUIRE(text.starts_with(format_process(made.process)));
  made.process = {43, 1, boot};
  text.replace(0, size, format_process(made.process));
  REQUIRE(parse_owner(text));
  CHECK(parse_owner(text)->process == made.process);
}

TEST_CASE("what has a lock is a word of its own, and in files of a former version the first of its purpose") {
  using locks::LockHolder;
  auto made = owner("x");
  made.process = {42, 4711, "boot"};
  made.since = 1;
  for (const auto holder :
       {LockHolder::session, LockHolder::automatic_session, LockHolder::source_session, LockHolder::command}) {
    made.holder = holder;
    made.purpose = "for people";
    const auto read = parse_owner(format_owner(made));
    REQUIRE(read);
    CHECK(read->holder == holder);
  }
  const auto without = [&](const std::string& session, const std::string& purpose, const std::string& line) {
    made.session = session;
    made.purpose = purpose;
    auto text = format_owner(made);
    const auto start = text.find("holder=");
    text.replace(start, text.find('\n', start) + 1 - start, line);
    const auto read = parse_owner(text);
    REQUIRE(read);
    return read->holder;
  };
  for (const char* line : {"", "holder=of-a-later-version\n"}) {
    CHECK(without("x", "session, begun by: source session", line) == LockHolder::session);
    CHECK(without("x", "automatic session", line) == LockHolder::automatic_session);
    CHECK(without("x", "source session, begun by: session", line) == LockHolder::source_session);
    CHECK(without("", "session of mine", line) == LockHolder::command);
  }
}

TEST_CASE("content that was cut anywhere, or garbled, is not believed") {
  auto made = owner("x", true);
  made.process = {42, 4711, "boot"};
  made.since = 1;
  const auto text = format_owner(made);
  for (std::size_t length = 0; length < text.size(); ++length) CHECK_FALSE(parse_owner(text.substr(0, length)));
  CHECK_FALSE(parse_owner(text + "pid=1\n"));
  CHECK_FALSE(parse_owner(text + text));
  CHECK_FALSE(parse_owner(std::string(text.size(), '\0')));
  const auto with = [&](const std::string& old, const std::string& now) {
    auto changed = text;
    changed.replace(changed.find(old), old.size(), now);
    return parse_owner(changed);
  };
  CHECK(with("pid=42", "pid=43"));
  for (const char* pid : {"pid=", "pid=0", "pid=-1", "pid=4294967297", "pid=x", "pidd=42", "pid"}) {
    INFO(pid);
    CHECK_FALSE(with("pid=42", pid));
  }
  CHECK_FALSE(with("preserved=yes", "preserved=maybe"));
  CHECK_FALSE(with("user=alice", "user=\\x4"));
  CHECK_FALSE(with("user=alice", "user=\\y41"));
  CHECK(with("user=alice", "flavour=new"));  // a later version's field
}

TEST_CASE("a tree has one key, by whatever path it is reached") {
  const Place place;
  boost::filesystem::create_directory(place / "tree");
  boost::filesystem::create_directory(place / "other");
  boost::filesystem::create_directory_symlink("tree", place / "link");
  const auto key_of = [&](const std::string& name) {
    const base::UniqueFd tree(::open((place / name).c_str(), O_PATH | O_CLOEXEC));
    return locks::tree_key(tree.get());
  };
  CHECK(key_of("tree") == key_of("link"));
  CHECK(key_of("tree") != key_of("other"));
  CHECK_NOTHROW(require_valid_key(key_of("tree")));
  CHECK_THROWS_AS(locks::tree_key(-1), base::SystemError);

  const base::UniqueFd folder(::open(place.path().c_str(), O_PATH | O_CLOEXEC));
  const auto before = locks::file_key(folder.get(), "base.tar");
  place.write("base.tar", "1");
  boost::filesystem::remove(place / "base.tar");
  place.write("base.tar", "2");  // a new inode, the same key
  CHECK(locks::file_key(folder.get(), "base.tar") == before);
  CHECK(locks::file_key(folder.get(), "base.tar2") != before);
  CHECK_NOTHROW(require_valid_key(before));
  for (const char* name : {"", ".", "..", "a/b"}) CHECK_THROWS_AS(locks::file_key(folder.get(), name), base::Error);
}

TEST_CASE("a file system without an id is known by its device") {
  CHECK(format_tree_key(0x15, 0x99, 0x2a) == "15-2a");
  CHECK(format_tree_key(0, 0x801, 0x2a) == "d801-2a");
  CHECK(format_tree_key(0, 0, 0) == "d0-0");
  const auto longest = format_tree_key(0, ~std::uint64_t{0}, ~std::uint64_t{0});
  CHECK_NOTHROW(require_valid_key(longest));
}
