// Users and groups: merge, copy, none.
#include <catch2/catch.hpp>

#include "support.h"

using namespace tree_test;
using definition::NssMode;

namespace {

const User ldap{"lena", 5000, 5000, "Lena", "/home/lena", "/bin/bash", "staff5000"};

void fill(const Place& place) {
  Place::write(place.host("etc/passwd"), "root:x:0:0:root:/root:/bin/zsh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
  Place::write(place.host("etc/shadow"), "root:HR:1::::::\nalice:HA:1::::::\n", 0640);
  Place::write(place.host("etc/group"), "root:x:0:\nshadow:x:42:\nsudo:x:27:alice\nalice:x:1000:\n");
  Place::write(place.host("etc/gshadow"), "root:*::\nshadow:*::\nsudo:*::alice\nalice:!::\n", 0640);
  Place::write(place.tree("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\npkg:x:101:101::/var/lib/pkg:/bin/false\n");
  Place::write(place.tree("etc/shadow"), "root:TR:1::::::\npkg:*:1::::::\n", 0600);
  base::check(::chown(place.tree("etc/shadow").c_str(), 0, 77), "giving away the file");
  Place::write(place.tree("etc/group"), "root:x:0:\nshadow:x:77:\nsudo:x:27:\npkg:x:101:\n");
}

}  // namespace

TEST_CASE("merge writes all four, and keeps what the tree has") {
  const Place place;
  fill(place);
  const auto notes = place.run(place.request());
  CHECK(content(place.tree("etc/passwd")) ==
        "root:x:0:0:root:/root:/bin/sh\npkg:x:101:101::/var/lib/pkg:/bin/false\n"
        "alice:x:1000:1000::/home/alice:/bin/sh\n");
  CHECK(content(place.tree("etc/shadow")) == "root:*:1::::::\npkg:*:1::::::\nalice:*:1::::::\n");
  CHECK(content(place.tree("etc/group")) == "root:x:0:\nshadow:x:77:\nsudo:x:27:alice\npkg:x:101:\nalice:x:1000:\n");
  CHECK(content(place.tree("etc/gshadow")) == "root:*::\nsudo:*::alice\nalice:!::\n");
  const auto shadow = status_of(place.tree("etc/shadow"));
  CHECK((shadow.st_mode & 07777u) == 0640u);
  CHECK(shadow.st_gid == 77);
  const auto gshadow = status_of(place.tree("etc/gshadow"));
  CHECK((gshadow.st_mode & 07777u) == 0640u);
  CHECK(gshadow.st_gid == 77);
  REQUIRE(notes.size() == 2);
  CHECK(mentions(notes, "etc/shadow: the password of 'root' was locked"));
  CHECK(mentions(notes, "group 'shadow' (42) was not added: inside, that name has the id 77"));
}

TEST_CASE("one hash of the host is copied, if any: that of the session's owner") {
  const Place place;
  fill(place);
  auto request = place.request();
  request.user = User{"alice", 1000, 1000, "", "/home/alice", "/bin/sh", "alice"};
  request.password = true;
  request.nss = GENERATE(NssMode::merge, NssMode::copy);
  (void)place.run(request);
  const auto shadow = content(place.tree("etc/shadow"));
  INFO(shadow);
  CHECK(shadow.find("alice:HA:1::::::\n") != std::string::npos);
  CHECK(shadow.find("root:*:1::::::\n") != std::string::npos);
  request.password = false;
  (void)place.run(request);
  CHECK(content(place.tree("etc/shadow")).find("HA") == std::string::npos);
}

TEST_CASE("a hash of somebody else who has the owner's name is not the owner's") {
  const Place place;
  fill(place);
  auto request = place.request();
  request.databases.clear();
  request.user = User{"alice", 4000, 4000, "", "/home/alice", "/bin/sh", "alice"};  // from LDAP, say
  request.password = true;
  (void)place.run(request);
  CHECK(content(place.tree("etc/shadow")).find("HA") == std::string::npos);
}

TEST_CASE("files with passwords are root's and shadow's, whatever the tree's were") {
  const Place place;
  fill(place);
  base::check(::chmod(place.tree("etc/shadow").c_str(), 0644), "opening the file to all");
  base::check(::chown(place.tree("etc/shadow").c_str(), 1000, 1000), "giving away the file");
  SECTION("by the tree's number for shadow") {
    (void)place.run(place.request());
    for (const char* name : {"shadow", "gshadow"}) {
      const auto status = status_of(place.tree("etc/") + name);
      CHECK((status.st_mode & 07777u) == 0640u);
      CHECK((status.st_uid == 0 && status.st_gid == 77));
    }
  }
  SECTION("also if nothing in it would change") {
    Place::write(place.tree("etc/shadow"), "root:*:1::::::\npkg:*:1::::::\nalice:*:1::::::\n", 0644);
    (void)place.run(place.request());
    CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0640u);
    CHECK(status_of(place.tree("etc/shadow")).st_uid == 0);
  }
  SECTION("where the tree has no such group") {
    auto request = place.request();
    request.databases = {"shadow"};
    Place::write(place.tree("etc/group"), "root:x:0:\n");
    (void)place.run(request);
    CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0600u);
    CHECK(status_of(place.tree("etc/shadow")).st_gid == 0);
  }
  SECTION("where the tree calls a group of the owner's so") {
    auto request = place.request();
    request.user = User{"alice", 1000, 1000, "", "/home/alice", "/bin/sh", "alice", {1000}};
    request.databases = {"shadow"};
    Place::write(place.tree("etc/group"), "root:x:0:\nshadow:x:1000:\n");
    (void)place.run(request);
    CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0600u);
    CHECK(content(place.tree("etc/group")) == "root:x:0:\nalice:x:1000:\n");
  }
}

TEST_CASE("into a tree that outlives the session no password is written, and none of its own is taken away") {
  const Place place;
  fill(place);
  auto request = place.request();
  request.own_tree = false;
  request.password = true;
  request.user = User{"alice", 1000, 1000, "", "/home/alice", "/bin/sh", "alice"};
  (void)place.run(request);
  CHECK(content(place.tree("etc/shadow")) == "root:TR:1::::::\npkg:*:1::::::\nalice:*:1::::::\n");
  // As schroot leaves it: the tree's owner and mode.
  CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0600u);
  fs::remove(place.tree("etc/shadow"));
  Place::write(place.tree("etc/shadow"), "root:TR:1::::::\n", 0640);
  (void)place.run(request);
  CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0640u);
  CHECK(status_of(place.tree("etc/shadow")).st_gid == 0);
  // But nothing that others could read.
  Place::write(place.tree("etc/shadow"), "root:TR:1::::::\n", 0644);
  (void)place.run(request);
  CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0640u);
  CHECK(status_of(place.tree("etc/shadow")).st_gid != 0);
}

TEST_CASE("the host's accounts are not copied as files, by whatever name") {
  const Place place;
  fill(place);
  Place::write(place.host("etc/shadow-"), "root:OLD:1::::::\n", 0640);
  fs::create_symlink("shadow", place.host("etc/innocent"));
  fs::create_hard_link(place.host("etc/shadow"), place.host("etc/same"));
  Place::write(place.host("etc/other"), "other\n");
  auto request = place.request();
  request.nss = GENERATE(NssMode::merge, NssMode::none);
  request.databases.insert(request.databases.end(), {"shadow-", "innocent"});
  request.copyfiles = {as_is("/etc/shadow"),   as_is("/etc/gshadow"), as_is("/etc/shadow-"),
                       as_is("/etc/innocent"), as_is("/etc/same"),    as_is("/etc/other")};
  const auto notes = place.run(request);
  CHECK(content(place.tree("etc/other")) == "other\n");
  for (const char* name : {"etc/shadow-", "etc/innocent", "etc/same"}) {
    INFO(name);
    CHECK_FALSE(fs::exists(place.tree(name)));
    CHECK(mentions(notes, std::string(name) + ": skipped: account files are not copied"));
  }
  CHECK(content(place.tree("etc/shadow")).find("HR") == std::string::npos);
}

TEST_CASE("what would not change is not written") {
  const Place place;
  fill(place);
  (void)place.run(place.request());
  std::vector<ino_t> before;
  const char* const names[] = {"passwd", "shadow", "group", "gshadow", "hostname", "debian_chroot", "resolv.conf"};
  for (const char* name : names) before.push_back(status_of(place.tree("etc/") + name).st_ino);
  (void)place.run(place.request());
  for (std::size_t i = 0; i < before.size(); ++i) {
    INFO(names[i]);
    CHECK(status_of(place.tree("etc/") + names[i]).st_ino == before[i]);
  }
}

TEST_CASE("copy replaces the tree's files, and adds the calling user") {
  const Place place;
  fill(place);
  auto request = place.request();
  request.nss = NssMode::copy;
  request.databases = {"passwd", "shadow"};
  request.user = ldap;
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("etc/passwd")) ==
        content(place.host("etc/passwd")) + "lena:x:5000:5000:Lena:/home/lena:/bin/bash\n");
  CHECK(content(place.tree("etc/shadow")) == "root:*:1::::::\nalice:*:1::::::\nlena:*:::::::\n");
  CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0640u);
  CHECK(content(place.tree("etc/group")) == "root:x:0:\nshadow:x:77:\nsudo:x:27:\npkg:x:101:\nstaff5000:x:5000:\n");
  CHECK_FALSE(fs::exists(place.tree("etc/gshadow")));
}

TEST_CASE("none leaves the databases alone, the calling user too") {
  const Place place;
  fill(place);
  const std::string before = content(place.tree("etc/passwd"));
  auto request = place.request();
  request.nss = NssMode::none;
  request.databases.emplace_back("services");
  request.user = ldap;
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("etc/passwd")) == before);
  CHECK_FALSE(fs::exists(place.tree("etc/gshadow")));
}

TEST_CASE("the calling user is there even if no database is listed") {
  const Place place;
  fill(place);
  auto request = place.request();
  request.databases.clear();
  request.user = ldap;
  request.lock = false;
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("etc/passwd")) ==
        "root:x:0:0:root:/root:/bin/sh\npkg:x:101:101::/var/lib/pkg:/bin/false\n"
        "lena:x:5000:5000:Lena:/home/lena:/bin/bash\n");
  CHECK(content(place.tree("etc/shadow")) == "root:TR:1::::::\npkg:*:1::::::\nlena:*:::::::\n");
}

TEST_CASE("a tree without databases gets them") {
  const Place place;
  fill(place);
  for (const char* name : {"passwd", "shadow", "group"}) fs::remove(place.tree("etc/") + name);
  CHECK(place.run(place.request()).empty());
  for (const char* name : {"passwd", "group", "gshadow"}) {
    INFO(name);
    CHECK(content(place.tree("etc/") + name) == content(place.host("etc/") + name));
  }
  CHECK(content(place.tree("etc/shadow")) == "root:*:1::::::\nalice:*:1::::::\n");
  CHECK(status_of(place.tree("etc/shadow")).st_gid == 42);
  CHECK((status_of(place.tree("etc/shadow")).st_mode & 07777u) == 0640u);
  CHECK((status_of(place.tree("etc/passwd")).st_mode & 07777u) == 0644u);
}

TEST_CASE("other databases are copied as they are") {
  const Place place;
  Place::write(place.host("etc/services"), "ssh 22/tcp\n");
  Place::write(place.tree("etc/services"), "old\n");
  auto request = place.request();
  request.databases = {"services", "protocols", "../shadow", "a/b"};
  const auto notes = place.run(request);
  CHECK(content(place.tree("etc/services")) == "ssh 22/tcp\n");
  CHECK(notes.size() == 3);
  CHECK(mentions(notes, "/etc/protocols: skipped: the host has no such file"));
  CHECK(mentions(notes, "../shadow: skipped: this is not the name of a database"));
  CHECK(mentions(notes, "a/b: skipped"));
}

TEST_CASE("over a lower layer that says the same, the upper layer stays empty") {
  const Place place;
  fill(place);
  (void)place.run(place.request());
  for (const char* name : {"upper", "work", "merged"}) fs::create_directory(place.path(name));
  in_own_namespace([&] {
    // The upper layer may not lie on an overlay, which /tmp may be on in a container.
    mount("tmpfs", place.path("upper"), "tmpfs", 0);
    fs::create_directory(place.path("upper/u"));
    fs::create_directory(place.path("upper/w"));
    mount(
        "overlay", place.path("merged"), "overlay", 0,
        "lowerdir=" + place.path("tree") + ",upperdir=" + place.path("upper/u") + ",workdir=" + place.path("upper/w"));
    (void)Place::run(place.request(), place.path("merged"));
    CHECK(fs::is_empty(place.path("upper/u")));
    Place::write(place.host("etc/resolv.conf"), "nameserver 192.0.2.1\n");
    (void)Place::run(place.request(), place.path("merged"));
    CHECK(content(place.path("upper/u/etc/resolv.conf")) == "nameserver 192.0.2.1\n");
    CHECK(content(place.tree("etc/resolv.conf")).empty());
  });
}
