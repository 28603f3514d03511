#include "tree/merge.h"

#include <catch2/catch.hpp>
#include <random>

using namespace unionroot::tree;

namespace {

struct Texts {
  std::string passwd, shadow, group, gshadow;
};

Tables tables(const Texts& texts) {
  const auto make = [](Database database, const std::string& text) {
    return std::make_shared<const Table>(database, text);
  };
  return {make(Database::passwd, texts.passwd), make(Database::shadow, texts.shadow),
          make(Database::group, texts.group), make(Database::gshadow, texts.gshadow)};
}

MergeInput input(const Texts& host, const Texts& tree) {
  MergeInput made;
  made.host = tables(host);
  made.tree = tables(tree);
  made.listed.fill(true);
  return made;
}

// What the tree's file holds afterwards.
std::string after(const MergeInput& in, const MergeOutput& out, Database database) {
  const auto& text = out.text[index_of(database)];
  return text ? *text : in.tree[index_of(database)]->text();
}

bool mentions(const MergeOutput& out, const std::string& part) {
  for (const auto& note : out.notes)
    if (note.find(part) != std::string::npos) return true;
  return false;
}

const User alice{"alice", 1000, 1000, "Alice", "/home/alice", "/bin/bash", "alice"};

}  // namespace

TEST_CASE("users of the host are added, those of packages inside stay") {
  const auto in = input({"root:x:0:0:host:/root:/bin/zsh\nalice:x:1000:1000:A:/home/alice:/bin/sh\n", "", "", ""},
                        {"root:x:0:0:root:/root:/bin/sh\n_apt:x:42:65534::/nonexistent:/bin/false\n", "", "", ""});
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) ==
        "root:x:0:0:root:/root:/bin/sh\n_apt:x:42:65534::/nonexistent:/bin/false\n"
        "alice:x:1000:1000:A:/home/alice:/bin/sh\n");
  CHECK(out.notes.empty());
}

TEST_CASE("the same name with another id, and the same id with another name, are conflicts") {
  const auto in = input({"a:x:1:1:::\nb:x:2:2:::\n", "a:HOSTA:1:::::\n", "a:x:1:a,b\nb:x:2:\n", ""},
                        {"a:x:11:1:::\nc:x:2:2:::\n", "", "a:x:11:\nc:x:2:\n", ""});
  const auto out = merge(in);
  for (const auto& text : out.text) CHECK_FALSE(text);
  REQUIRE(out.notes.size() == 4);
  CHECK(mentions(out, "user 'a' (1) was not added: inside, that name has the id 11"));
  CHECK(mentions(out, "user 'b' (2) was not added: inside, that id belongs to 'c'"));
  CHECK(mentions(out, "group 'a' (1)"));
  CHECK(mentions(out, "group 'b' (2)"));
}

TEST_CASE("two users of the host with one id: the first one is added") {
  const auto in = input({"root:x:0:0:::\ntoor:x:0:0:::\n", "", "", ""}, {"", "", "", ""});
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "root:x:0:0:::\n");
  CHECK(mentions(out, "'toor' (0)"));
}

TEST_CASE("a second line of one name is not added, whatever its id") {
  const auto in = input({"a:x:1:1:::\na:x:2:2:::\n", "a:one:1::::::\na:two:1::::::\n", "", ""}, {"", "", "", ""});
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "a:x:1:1:::\n");
  CHECK(after(in, out, Database::shadow) == "a:one:1::::::\n");
  CHECK(out.notes.empty());
}

TEST_CASE("broken lines of the tree stay, those of the host do not come") {
  const auto in = input({"# host\n+::::::\nbroken\na:x:1:1:::\n", "", "", ""},
                        {"# tree\nodd:line\n\n-x::::::\nb:x:2:2:::", "", "", ""});
  CHECK(after(in, merge(in), Database::passwd) == "# tree\nodd:line\n\n-x::::::\nb:x:2:2:::\na:x:1:1:::\n");
}

TEST_CASE("shadow entries follow passwd") {
  const auto in = input({"a:x:1:1:::\nb:x:2:2:::\nc:x:3:3:::\nd:x:4:4:::\n",
                         "a:HA:1::::::\nb:HB:1::::::\nc:HC:1::::::\nd:HD:1::::::\nstray:HS:1::::::\n", "", ""},
                        {"b:x:2:2:::\nc:x:33:3:::\nd:x:4:4:::\n", "b:TB:1::::::\na:STALE:1::::::\n", "", ""});
  const auto out = merge(in);
  // a is new, so its entry is the host's; b keeps the tree's; c is somebody else inside; d had none; stray is no user.
  CHECK(after(in, out, Database::shadow) == "b:TB:1::::::\na:HA:1::::::\nd:HD:1::::::\n");
}

TEST_CASE("groups get the host's members that are the same users on both sides") {
  const auto in = input({"a:x:1:1:::\nb:x:2:2:::\n", "", "sudo:x:27:a,b,ldap\nnew:x:50:a,b\nother:x:60:a\n",
                         "sudo:!::a,b\nnew:!:b,a:a,b\nother:!::a\n"},
                        {"b:x:22:2:::\nt:x:9:9:::\n", "", "sudo:x:27:t\nother:x:61:\n", "sudo:*::t\nother:*::\n"});
  const auto out = merge(in);
  CHECK(after(in, out, Database::group) == "sudo:x:27:t,a\nother:x:61:\nnew:x:50:a\n");
  CHECK(after(in, out, Database::gshadow) == "sudo:*::t,a\nother:*::\nnew:!:a:a\n");
}

TEST_CASE("members that are there already change nothing") {
  const auto in = input({"a:x:1:1:::\n", "", "g:x:5:a\n", "g:!::a\n"}, {"a:x:1:1:::\n", "", "g:x:5:z,a\n", "g:!::z\n"});
  for (const auto& text : merge(in).text) CHECK_FALSE(text);
}

TEST_CASE("a stale gshadow entry of a group that is added is replaced") {
  const auto in = input({"", "", "g:x:5:\n", "g:HOST::\n"}, {"", "", "", "g:STALE:eve:eve\n"});
  CHECK(after(in, merge(in), Database::gshadow) == "g:HOST::\n");
}

TEST_CASE("the calling user is added wherever they come from") {
  auto in = input({"root:x:0:0:::\n", "", "", ""}, {"root:x:0:0:::\n", "root:*:1::::::\n", "root:x:0:\n", ""});
  in.user = alice;
  const bool listed = GENERATE(true, false);
  in.listed.fill(listed);
  auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "root:x:0:0:::\nalice:x:1000:1000:Alice:/home/alice:/bin/bash\n");
  CHECK(after(in, out, Database::shadow) == "root:*:1::::::\nalice:*:::::::\n");
  CHECK(after(in, out, Database::group) == "root:x:0:\nalice:x:1000:\n");
  CHECK(out.notes.empty());
}

TEST_CASE("the calling user alone, with what the host's files say of them") {
  auto in = input({"alice:x:1000:1000:::\nbob:x:1001:1001:::\n", "alice:HASH:1::::::\nbob:HB:1::::::\n",
                   "alice:x:1000:\nsudo:x:27:alice\n", ""},
                  {"", "", "sudo:x:27:\n", ""});
  in.user = alice;
  in.listed.fill(false);
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "alice:x:1000:1000:Alice:/home/alice:/bin/bash\n");
  CHECK(after(in, out, Database::shadow) == "alice:*:1::::::\n");
  CHECK(after(in, out, Database::group) == "sudo:x:27:\nalice:x:1000:\n");
}

TEST_CASE("a calling user from elsewhere gets into no group by the name of another") {
  auto in = input({"", "", "sudo:x:27:alice\n", ""}, {"alice:x:5:5:::\n", "", "sudo:x:27:\n", ""});
  in.user = alice;
  in.own = false;
  const auto out = merge(in);
  CHECK(after(in, out, Database::group).substr(0, 11) == "sudo:x:27:\n");
  CHECK(mentions(out, "'alice' (1000)"));
  CHECK(after(in, out, Database::shadow).empty());
}

TEST_CASE("the calling user's conflict is noted once") {
  auto in =
      input({"alice:x:1000:1000:::\n", "", "alice:x:1000:\n", ""}, {"al:x:1000:1000:::\n", "", "al:x:1000:\n", ""});
  in.user = alice;
  in.own = false;
  const auto out = merge(in);
  CHECK(out.notes.size() == 2);  // the user and the group
  for (const auto& text : out.text) CHECK_FALSE(text);
}

TEST_CASE("a user whose password is in passwd itself gets no shadow entry") {
  auto in = input({}, {"alice:hash:1000:1000:::\n", "", "", ""});
  in.user = alice;
  in.own = false;
  CHECK_FALSE(merge(in).text[index_of(Database::shadow)]);
}

TEST_CASE("the host's entry wins for root, the user and the user's groups") {
  auto in = input({"root:x:0:0::/root:/bin/zsh\nalice:x:1000:1000:::\nbob:x:7:7:::\n", "alice:*:1::::::\n",
                   "root:x:0:\nalice:x:1000:\naudio:x:29:alice\n", ""},
                  {"toor:x:0:0::/:/bin/sh\nubuntu:x:1000:1000:::\nalice:x:5:5:::\nbo:x:7:7:::\npkg:x:101:1:::\n",
                   "toor::1::::::\nubuntu:KNOWN:1::::::\nalice:OLD:1::::::\nbo:TB:1::::::\n",
                   "wheel:x:0:alice\nubuntu:x:1000:\naudio:x:63:\nsudo:x:27:alice,bo\n", "sudo:!:alice:alice,bo\n"});
  in.user = alice;
  in.user->groups = {1000, 29};
  in.groups = {{"alice", 1000}, {"audio", 29}};
  in.password = "HASH";
  in.listed.fill(GENERATE(true, false));
  const auto out = merge(in);
  const bool listed = in.listed[0];
  CHECK(after(in, out, Database::passwd) ==
        std::string("bo:x:7:7:::\npkg:x:101:1:::\nroot:x:0:0:root:/root:/bin/sh\n") +
            (listed ? "alice:x:1000:1000:::\n" : "alice:x:1000:1000:Alice:/home/alice:/bin/bash\n"));
  CHECK(after(in, out, Database::shadow) ==
        "toor:*:1::::::\nubuntu:KNOWN:1::::::\nalice:HASH:1::::::\nbo:TB:1::::::\n");
  CHECK(after(in, out, Database::group) == "sudo:x:27:bo\nroot:x:0:\nalice:x:1000:\naudio:x:29:alice\n");
  CHECK(after(in, out, Database::gshadow) == "sudo:!::bo\n");
  for (const char* left : {"user 'toor' (0) was removed", "user 'ubuntu' (1000) was removed",
                           "user 'alice' (5) was removed", "group 'wheel' (0) was removed", "group 'ubuntu' (1000)",
                           "group 'audio' (63)", "'alice' was removed from the tree's group 'sudo' (27)"})
    CHECK(mentions(out, left));
}

TEST_CASE("a second account of the tree with the user's number or name is left out too") {
  auto in = input({}, {"alice:x:1000:1000:::\nfirst:x:1000:1:::\nsecond:x:1000:1:::\nalice:x:0:0:::\n", "", "", ""});
  in.user = alice;
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "alice:x:1000:1000:::\nroot:x:0:0:root:/root:/bin/sh\n");
}

TEST_CASE("the user's primary group is the host's") {
  auto in = input({}, {"root:x:0:0:::\nalice:x:1000:0::/h:/bin/sh\n", "", "", ""});
  in.user = alice;
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "root:x:0:0:::\nalice:x:1000:1000::/h:/bin/sh\n");
  CHECK(mentions(out, "'alice' got the host's group 1000 instead of 0"));
}

TEST_CASE("passwords of a session whose owner may not be root") {
  auto in = input({}, {"root:ROOT:0:0:::\nalice:OWN:1000:1000:::\nopen::7:7:::\nshut:*:8:8:::\nx:x:9:9:::\n",
                       "root:TR:1::::::\nalice:TA:1::::::\nopen::1::::::\nshut:!!:1::::::\nx:!HASH:1::::::\n",
                       "a:PW:20:\nb:x:21:\nc::22:\n", "a:PW::\nb:!::\nc:::\n"});
  in.user = alice;
  in.password = "HASH";
  in.lock = true;
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) ==
        "root:*:0:0:::\nalice:x:1000:1000:::\nopen:*:7:7:::\nshut:*:8:8:::\nx:x:9:9:::\n");
  CHECK(after(in, out, Database::shadow) ==
        "root:*:1::::::\nalice:HASH:1::::::\nopen:*:1::::::\nshut:!!:1::::::\nx:*:1::::::\n");
  CHECK(after(in, out, Database::group) == "a:*:20:\nb:x:21:\nc:*:22:\nalice:x:1000:\n");
  CHECK(after(in, out, Database::gshadow) == "a:*::\nb:!::\nc:*::\n");
  CHECK(mentions(
      out, "etc/shadow: the passwords of 'root', 'open', 'x' were locked: the session's owner must not become root"));
}

TEST_CASE("an empty password is left to nobody") {
  auto in =
      input({}, {"root::0:0:::\nalice:x:1000:1000:::\n", "root::1::::::\nalice::1::::::\nb:TB:1::::::\n", "", ""});
  in.user = alice;
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "root:*:0:0:::\nalice:x:1000:1000:::\n");
  CHECK(after(in, out, Database::shadow) == "root:*:1::::::\nalice:*:1::::::\nb:TB:1::::::\n");
}

TEST_CASE("where no shadow can be written the user's password goes nowhere") {
  auto in = input({}, {"alice:OWN:1000:1000:::\n", "", "", ""});
  in.user = alice;
  in.password = "HASH";
  in.tree[index_of(Database::shadow)] = nullptr;
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == "alice:*:1000:1000:::\n");
}

TEST_CASE("root's own session leaves root's password as it is") {
  auto in = input({"root:x:0:0:::\n", "root:*:1::::::\n", "", ""},
                  {"root:x:0:0:::\n", "root:TR:1::::::\n", "root:x:0:\n", ""});
  in.user = User{"root", 0, 0, "root", "/root", "/bin/sh", "root"};
  for (const auto& text : merge(in).text) CHECK_FALSE(text);
}

TEST_CASE("in a tree that is not the session's own nothing is taken away") {
  auto in = input({"alice:x:1000:1000:::\n", "alice:*:1::::::\n", "", ""},
                  {"root::0:0:::\nubuntu:x:1000:1:::\n", "root::1::::::\n", "sudo:x:27:alice\n", ""});
  in.user = alice;
  in.password = "HASH";
  in.lock = true;
  in.own = false;
  const auto out = merge(in);
  for (const Database database : {Database::passwd, Database::shadow}) CHECK_FALSE(out.text[index_of(database)]);
  CHECK(after(in, out, Database::group) == "sudo:x:27:alice\nalice:x:1000:\n");
}

TEST_CASE("who comes later has all groups, and takes nothing away") {
  const std::string passwd = "root:x:0:0:::\nmade:x:1001:1001:::\n";
  auto in = input({"", "", "", ""}, {passwd, "root:*:1::::::\n", "team:x:500:made\nwheel:x:600:made\n", ""});
  in.user = alice;
  in.listed.fill(false);
  in.own = false;
  in.all_groups = true;
  in.groups = {{"alice", 1000}, {"team", 500}, {"admins", 600}, {"fresh", 700}, {"team", 501}};
  const auto out = merge(in);
  CHECK(after(in, out, Database::passwd) == passwd + "alice:x:1000:1000:Alice:/home/alice:/bin/bash\n");
  CHECK(after(in, out, Database::shadow) == "root:*:1::::::\nalice:*:::::::\n");
  CHECK(after(in, out, Database::group) ==
        "team:x:500:made,alice\nwheel:x:600:made\nalice:x:1000:\nfresh:x:700:alice\n");
  CHECK(mentions(out, "'admins' (600)"));
  CHECK(mentions(out, "'team' (501)"));
  // Once more: nothing is left to do.
  auto again = in;
  again.tree =
      tables({after(in, out, Database::passwd), after(in, out, Database::shadow), after(in, out, Database::group), ""});
  for (const auto& text : merge(again).text) CHECK_FALSE(text);
  // Who is not let in gets into no group.
  in.tree = tables({"alice:x:5:5:::\n", "", "team:x:500:made\n", ""});
  CHECK(after(in, merge(in), Database::group).substr(0, 16) == "team:x:500:made\n");
}

TEST_CASE("a user that cannot be written as a line is left out") {
  auto in = input({}, {});
  in.user = alice;
  const char* const bad = GENERATE("a:b", "a\nroot2:x:0:0:::");
  SECTION("name") { in.user->name = bad; }
  SECTION("full name") { in.user->full_name = bad; }
  SECTION("shell") { in.user->shell = bad; }
  SECTION("group") { in.user->group = bad; }
  SECTION("no name") { in.user->name.clear(); }
  SECTION("a name that means something else") { in.user->name = "+alice"; }
  const auto out = merge(in);
  for (const auto& text : out.text) CHECK_FALSE(text);
  REQUIRE(out.notes.size() == 1);
  CHECK(out.notes[0].find('\n') == std::string::npos);
}

TEST_CASE("databases that may not be touched, or are not there, are left out") {
  auto in = input({"a:x:1:1:::\n", "a:H:1::::::\n", "a:x:1:\n", "a:!::\n"}, {});
  in.user = alice;
  const std::size_t left_out = GENERATE(0u, 1u, 2u, 3u);
  SECTION("of the tree") {
    in.tree[left_out] = nullptr;
    CHECK_FALSE(merge(in).text[left_out]);
  }
  SECTION("of the host") {
    in.host[left_out] = nullptr;
    CHECK_NOTHROW(merge(in));
  }
  SECTION("all") {
    in.tree = {};
    in.host = {};
    CHECK(merge(in).notes.empty());
  }
}

TEST_CASE("merging again changes nothing, whatever the files hold") {
  std::mt19937 random(20240607);
  const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  const auto name = [&] { return std::string(1, static_cast<char>('a' + pick(6))); };
  const auto list = [&] {
    std::string out;
    for (unsigned i = pick(4); i > 0; --i) out += name() + (i > 1 || pick(8) == 0 ? "," : "");
    return out;
  };
  const auto text = [&] {
    Texts texts;
    for (unsigned i = pick(8); i > 0; --i) {
      const auto id = std::to_string(pick(6));
      texts.passwd += pick(10) == 0 ? "junk:" + name() + "\n" : name() + ":x:" + id + ":1:::\n";
      texts.shadow += name() + ":H" + id + ":1::::::\n";
      texts.group += name() + ":x:" + id + ":" + list() + "\n";
      texts.gshadow += name() + ":!:" + list() + ":" + list() + "\n";
    }
    return texts;
  };
  for (int round = 0; round < 3000; ++round) {
    auto in = input(text(), text());
    in.user = User{name(), pick(6), pick(6), "", "/", "/bin/sh", name()};
    in.user->groups = {in.user->gid, pick(6)};
    in.groups = {{in.user->group, in.user->gid}};
    in.own = round % 2 == 0;
    in.lock = pick(2) == 0;
    const auto first = merge(in);
    auto again = in;
    for (const Database database : all_databases)
      again.tree[index_of(database)] = std::make_shared<const Table>(database, after(in, first, database));
    const auto second = merge(again);
    for (const Database database : all_databases) {
      INFO("round " << round << ", " << name_of(database) << "\ntree:\n"
                    << in.tree[index_of(database)]->text() << "host:\n"
                    << in.host[index_of(database)]->text());
      CHECK(after(again, second, database) == after(in, first, database));
      if (in.own) continue;
      // What the tree had is still there, in its order (entries may have new members).
      const Table result(database, after(in, first, database));
      const auto& before = in.tree[index_of(database)]->lines();
      REQUIRE(result.lines().size() >= before.size());
      for (std::size_t i = 0; i < before.size(); ++i) CHECK(result.lines()[i].name == before[i].name);
    }
  }
}
