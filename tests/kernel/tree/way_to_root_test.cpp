// How a user could become root in a tree, by its accounts and its rules.
#include "tree/way_to_root.h"

#include <catch2/catch.hpp>

#include "support.h"

using namespace tree_test;

namespace {

const User alice{"alice", 1000, 1000, "", "/home/alice", "/bin/sh", "alice", {1000, 27}};

// As sessions have it: nobody has a password.
void fill(const Place& place) {
  Place::write(place.tree("etc/passwd"), "root:x:0:0:::\npkg:x:101:101:::\nalice:x:1000:1000:::\n");
  Place::write(place.tree("etc/shadow"), "root:*:1::::::\npkg:!:1::::::\nalice:$y$HASH:1::::::\n", 0640);
  Place::write(place.tree("etc/group"), "root:x:0:\nadm:x:4:pkg\nsudo:x:27:alice\nalice:x:1000:\n");
  Place::write(place.tree("etc/gshadow"), "root:*::\nadm:*::pkg\nsudo:!::alice\n", 0640);
}

std::optional<std::string> way(const Place& place, bool rules_alone = false) {
  const auto path = place.tree();
  const base::UniqueFd root(base::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening", path));
  return rules_alone ? rule_for(root.get(), alice) : way_to_root(root.get(), alice);
}

void add(const Place& place, const char* path, const std::string& text) {
  const auto file = place.tree(path);
  fs::create_directories(fs::path(file).parent_path());
  Place::write(file, (fs::exists(file) ? content(file) : std::string()) + text);
}

}  // namespace

TEST_CASE("no way in a usual tree") {
  const Place place;
  fill(place);
  CHECK(way(place) == std::nullopt);
  add(place, "etc/sudoers",
      "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%admin ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n");
  add(place, "etc/sudoers.d/README", "# alice ALL=ALL\n");
  add(place, "etc/sudoers.d/old.dpkg-old", "alice ALL=ALL\n");
  add(place, "etc/sudoers.d/old~", "alice ALL=ALL\n");
  add(place, "etc/sudo.conf", "#Plugin x y\n");
  add(place, "etc/doas.conf", "permit root\n");
  add(place, "etc/pam.d/su", "auth sufficient pam_rootok.so\n@include common-auth\n");
  add(place, "etc/nsswitch.conf", "sudoers: files\n");
  CHECK(way(place) == std::nullopt);
}

TEST_CASE("ways by accounts") {
  const Place place;
  fill(place);
  const auto [path, text] = GENERATE(
      table<const char*, const char*>({{"etc/shadow", "bob::1::::::\n"},
                                       {"etc/shadow", "bob:$y$KNOWN:1::::::\n"},
                                       {"etc/shadow", "bob:$y$KNOWN\n"},  // cut short: some read it all the same
                                       {"etc/passwd", "bob::5:5:::\n"},
                                       {"etc/passwd", "bob:KNOWN:5:5:::\n"},
                                       {"etc/passwd", " bob::5\n"},
                                       {"etc/passwd", "toor:x:0:0:::\n"},
                                       {"etc/passwd", "ubuntu:x:1000:5:::\n"},
                                       {"etc/passwd", "alice:x:5:5:::\n"},
                                       {"etc/passwd", "+::::::\n"},
                                       {"etc/group", "disk:x:6:alice\n"},
                                       {"etc/group", "disk:$y$KNOWN:6:\n"},
                                       {"etc/group", "+:::\n"},
                                       {"etc/gshadow", "disk:$y$KNOWN::\n"},
                                       {"etc/gshadow", "adm:*:alice:\n"},
                                       {"etc/gshadow", "adm:*::alice\n"}}));
  add(place, path, text);
  INFO(path << ": " << text);
  CHECK(way(place));
  CHECK(way(place, true) == std::nullopt);
}

TEST_CASE("ways by rules") {
  const Place place;
  fill(place);
  const auto [path, text] = GENERATE(
      table<const char*, const char*>({{"etc/sudoers", "alice ALL=(ALL) NOPASSWD: ALL\n"},
                                       {"etc/sudoers", "%sudo ALL=(ALL) ALL\n"},
                                       {"etc/sudoers", "#1000 ALL=(ALL) ALL\n"},
                                       {"etc/sudoers", "%#27 ALL=(ALL) ALL\n"},
                                       {"etc/sudoers", "User_Alias OPS = bob, alice\nOPS ALL=(ALL) ALL\n"},
                                       {"etc/sudoers", "ALL ALL=(ALL) ALL\n"},
                                       {"usr/local/etc/sudoers", "alice ALL=(ALL) ALL\n"},
                                       {"usr/etc/sudoers", "ALL ALL=(ALL) ALL\n"},
                                       {"etc/sudo.conf", "Plugin sudoers_policy sudoers.so sudoers_file=/srv/rules\n"},
                                       {"etc/nsswitch.conf", "passwd: files\nsudoers: files sss\n"},
                                       {"etc/doas.conf", "permit nopass :sudo\n"},
                                       {"etc/doas.d/mine.conf", "permit nopass alice\n"},
                                       {"etc/pam.d/su", "auth sufficient pam_wheel.so trust group=sudo\n"},
                                       {"etc/suauth", "root:alice:NOPASS\n"}}));
  add(place, path, text);
  INFO(path << ": " << text);
  CHECK(way(place, true));
  CHECK(way(place));
}

TEST_CASE("rules that are included") {
  const Place place;
  fill(place);
  SECTION("a folder") {
    add(place, "etc/sudoers", "#includedir /etc/sudoers.d\n");
    add(place, "etc/sudoers.d/90-cloud", "alice ALL=(ALL) NOPASSWD: ALL\n");
    CHECK(way(place) == "etc/sudoers.d/90-cloud names 'alice'");
  }
  SECTION("a file beside it") {
    add(place, "etc/sudoers", "@include more\n");
    add(place, "etc/more", "alice ALL=(ALL) ALL\n");
    CHECK(way(place));
  }
  SECTION("itself, without end") {
    add(place, "etc/sudoers", "@include sudoers\n");
    CHECK(way(place));
  }
  SECTION("a link leads nowhere but into the tree") {
    add(place, "etc/sudoers", "@include /etc/more\n");
    add(place, "real", "root ALL=(ALL) ALL\n");
    fs::create_symlink("/real", place.tree("etc/more"));
    CHECK(way(place) == std::nullopt);
    fs::remove(place.tree("etc/more"));
    fs::create_symlink("../../../../../../etc/passwd", place.tree("etc/more"));
    CHECK_FALSE(way(place));
  }
}

TEST_CASE("what cannot be read, or is not root's alone, counts as a way") {
  const Place place;
  fill(place);
  SECTION("a folder in its place") { fs::create_directories(place.tree("etc/sudoers")); }
  SECTION("a FIFO") { base::check(::mkfifo(place.tree("etc/doas.conf").c_str(), 0644), "making a FIFO"); }
  SECTION("too large") {
    add(place, "etc/sudoers", "");
    fs::resize_file(place.tree("etc/sudoers"), std::uintmax_t{1} << 40);
  }
  SECTION("another owner") { base::check(::chown(place.tree("etc/shadow").c_str(), 1000, 0), "giving away a file"); }
  SECTION("all may write") { base::check(::chmod(place.tree("etc/passwd").c_str(), 0666), "opening a file to all"); }
  SECTION("the folder") { base::check(::chown(place.tree("etc").c_str(), 1000, 0), "giving away a folder"); }
  SECTION("the root") { base::check(::chmod(place.tree().c_str(), 0777), "opening a folder to all"); }
  CHECK(way(place));
}
