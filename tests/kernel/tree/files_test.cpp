// Copied files, resolv.conf, names; and what it costs.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>

#include "copy_file.h"
#include "support.h"

using namespace tree_test;

TEST_CASE("files are copied with mode and owner") {
  const Place place;
  fs::create_directories(place.host("opt/x"));
  fs::create_directories(place.tree("opt/x"));
  Place::write(place.host("opt/x/key"), std::string("a\0b", 3), 0440);
  base::check(::chown(place.host("opt/x/key").c_str(), 12, 34), "giving away the file");
  auto request = place.request();
  request.copyfiles = {as_is("/opt//x/key")};
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("opt/x/key")) == std::string("a\0b", 3));
  const auto status = status_of(place.tree("opt/x/key"));
  CHECK((status.st_mode & 07777u) == 0440u);
  CHECK(status.st_uid == 12);
  CHECK(status.st_gid == 34);
  // The same content with another mode is written again.
  base::check(::chmod(place.tree("opt/x/key").c_str(), 0666), "changing the mode");
  (void)place.run(request);
  CHECK((status_of(place.tree("opt/x/key")).st_mode & 07777u) == 0440u);
}

TEST_CASE("a file is copied to another path, and from one with '..'") {
  const Place place;
  Place::write(place.host("etc/hosts"), "1.2.3.4 box\n");
  auto request = place.request();
  request.copyfiles = {{"/etc/hosts", "/etc/hosts.host"}, {"/var/../etc/hosts", "/etc/again"}};
  fs::create_directories(place.host("var"));
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("etc/hosts.host")) == "1.2.3.4 box\n");
  CHECK(content(place.tree("etc/again")) == "1.2.3.4 box\n");
  CHECK(content(place.tree("etc/hosts")) == "127.0.0.1\tlocalhost\n127.0.1.1\tbox\n");  // for the name of its own
}

TEST_CASE("what cannot be copied is skipped with a note, and the rest is copied") {
  const Place place;
  Place::write(place.host("etc/good"), "good\n");
  Place::write(place.host("etc/elsewhere"), "x\n");
  fs::create_directories(place.host("only/host"));
  Place::write(place.host("only/host/file"), "x\n");
  fs::create_directory(place.tree("etc/elsewhere"));
  auto request = place.request();
  request.copyfiles = {as_is("/etc/none"),
                       as_is("/only/host/file"),
                       as_is("/etc/elsewhere"),
                       as_is("relative"),
                       {"/etc/good", "/etc/../etc/good"},
                       as_is("/"),
                       as_is(""),
                       as_is("/etc/x\n/./y"),
                       as_is("/etc/good")};
  const auto notes = place.run(request);
  CHECK(content(place.tree("etc/good")) == "good\n");
  CHECK(notes.size() == 8);
  CHECK(mentions(notes, "/etc/none: skipped: the host has no such file"));
  CHECK(mentions(notes, "only/host/file: skipped: the tree has no such folder"));
  CHECK(mentions(notes, "etc/elsewhere: skipped: in the tree it is not a regular file"));
  CHECK(mentions(notes, "relative: skipped: this is not the absolute path"));
  CHECK(mentions(notes, "/etc/../etc/good: skipped"));
  CHECK_FALSE(mentions(notes, "\n"));
  CHECK_FALSE(fs::exists(place.tree("only")));
}

TEST_CASE("what is there and cannot be copied is an error") {
  const Place place;
  fs::create_directories(place.host("etc/folder"));
  base::check(::mkfifo(place.host("etc/fifo").c_str(), 0600), "making a FIFO");
  base::check(::mknod(place.host("etc/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)), "making a device");
  fs::create_symlink("link", place.host("etc/link"));
  auto request = place.request();
  for (const auto& [name, what] :
       {std::pair{"folder", "a folder"}, {"fifo", "a FIFO"}, {"zero", "a character device"}}) {
    request.copyfiles = {as_is(base::concat("/etc/", name))};
    CHECK_THROWS_WITH(
        place.run(request),
        base::concat("copyfiles: /etc/", name, " cannot be copied: on the host it is not a regular file, but ", what));
    CHECK_FALSE(fs::exists(place.tree(base::concat("etc/", name))));
  }
  // What may be well again later is a note.
  request.copyfiles = {as_is("/etc/link")};
  CHECK(mentions(place.run(request), "/etc/link: skipped: "));
  // A database is none of copyfiles.
  request.copyfiles.clear();
  request.databases = {"folder"};
  CHECK(mentions(place.run(request), "/etc/folder: skipped: on the host it is not a regular file, but a folder"));
}

TEST_CASE("where it is required a file that the host does not have is an error") {
  const Place place;
  Place::write(place.host("etc/good"), "good\n");
  auto request = place.request();
  request.require_copyfiles = true;
  request.copyfiles = {as_is("/etc/good")};
  CHECK_NOTHROW(place.run(request));
  request.copyfiles.push_back({"/etc/none", "/etc/none", "/profile/copyfiles", 2});
  CHECK_THROWS_WITH(place.run(request), "copyfiles: the host has no file /etc/none");
}

TEST_CASE("resolv.conf follows the host's, through symlinks there") {
  const Place place;
  fs::create_directories(place.host("run/stub"));
  Place::write(place.host("run/stub/resolv.conf"), "nameserver 127.0.0.53\n", 0600);
  fs::remove(place.host("etc/resolv.conf"));
  fs::create_symlink("../run/stub/resolv.conf", place.host("etc/resolv.conf"));
  SECTION("the tree has a file") { Place::write(place.tree("etc/resolv.conf"), "old\n"); }
  SECTION("the tree has none") {}
  SECTION("the tree has a symlink that leads nowhere") {
    fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", place.tree("etc/resolv.conf"));
  }
  SECTION("the tree has a symlink to the same content") {
    fs::create_directories(place.tree("run"));
    Place::write(place.tree("run/there"), "nameserver 127.0.0.53\n");
    fs::create_symlink("/run/there", place.tree("etc/resolv.conf"));
  }
  CHECK(place.run(place.request()).empty());
  const auto status = status_of(place.tree("etc/resolv.conf"));
  CHECK(S_ISREG(status.st_mode));
  CHECK((status.st_mode & 07777u) == 0644u);  // everybody in the session must read it
  CHECK(content(place.tree("etc/resolv.conf")) == "nameserver 127.0.0.53\n");
}

TEST_CASE("what was left half-written is removed, in the tree alone, and nothing else") {
  const Place place;
  auto request = place.request();
  request.temporary = ".unionroot-x";
  request.copyfiles = {as_is("/etc/good"), as_is("/opt/key"), as_is("/away/key"), as_is("/none/key")};
  fs::create_directories(place.tree("opt"));
  fs::create_directories(place.host("away"));
  fs::create_directory_symlink(place.host("away"), place.tree("away"));
  for (const auto& left : {place.tree("etc/.unionroot-x"), place.tree("opt/.unionroot-x"),
                           place.host("away/.unionroot-x"), place.tree(".unionroot-x"), place.tree("etc/.unionroot-y")})
    Place::write(left, "half");
  const base::UniqueFd root(
      base::check(::open(place.tree("").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the tree"));
  for (int round = 0; round < 2; ++round) remove_half_written(root.get(), request);
  CHECK_FALSE(fs::exists(place.tree("etc/.unionroot-x")));
  CHECK_FALSE(fs::exists(place.tree("opt/.unionroot-x")));
  CHECK(fs::exists(place.host("away/.unionroot-x")));
  CHECK(fs::exists(place.tree(".unionroot-x")));  // no file is written there
  CHECK(fs::exists(place.tree("etc/.unionroot-y")));
  request.temporary.clear();
  remove_half_written(root.get(), request);
  CHECK(fs::exists(place.tree("etc/.unionroot-y")));
}

TEST_CASE("resolv.conf follows the host's later, unless it was changed inside") {
  const Place place;
  auto request = place.request();
  request.mark_resolv_conf = true;
  Place::write(place.host("etc/resolv.conf"), "nameserver 1\n");
  Place::write(place.tree("etc/resolv.conf"), "nameserver 1\n");  // as mmdebstrap leaves it
  place.run(request);
  const base::UniqueFd root(
      base::check(::open(place.tree().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", "tree"));
  FileVersion seen;
  const auto follow = [&] { return follow_resolv_conf(root.get(), place.path("host"), seen); };
  CHECK_FALSE(follow());
  const auto change_host = [&](const std::string& text) {
    fs::remove(place.host("etc/resolv.conf"));
    Place::write(place.host("etc/stub"), text);
    fs::create_symlink("stub", place.host("etc/resolv.conf"));
  };
  change_host("nameserver 22\n");
  CHECK(follow());
  CHECK(content(place.tree("etc/resolv.conf")) == "nameserver 22\n");
  CHECK_FALSE(follow());
  change_host("nameserver 333\n");
  CHECK(follow());
  CHECK(status_of(place.tree("etc/resolv.conf")).st_mode == (S_IFREG | 0644));

  SECTION("written to") { Place::write(place.tree("etc/resolv.conf"), "mine\n"); }
  SECTION("replaced") {
    fs::remove(place.tree("etc/resolv.conf"));
    Place::write(place.tree("etc/resolv.conf"), "mine\n");
  }
  SECTION("replaced by a symlink to what is the host's") {
    fs::rename(place.tree("etc/resolv.conf"), place.tree("etc/other"));
    fs::create_symlink("other", place.tree("etc/resolv.conf"));
  }
  SECTION("removed") { fs::remove(place.tree("etc/resolv.conf")); }
  SECTION("replaced by a FIFO") {
    fs::remove(place.tree("etc/resolv.conf"));
    REQUIRE(::mkfifo(place.tree("etc/resolv.conf").c_str(), 0600) == 0);
  }
  const bool there = fs::exists(fs::symlink_status(place.tree("etc/resolv.conf")));
  const auto type = there ? status_of(place.tree("etc/resolv.conf")).st_mode : 0;
  change_host("nameserver 4444\n");
  CHECK_FALSE(follow());
  CHECK(fs::exists(fs::symlink_status(place.tree("etc/resolv.conf"))) == there);
  if (there) CHECK(status_of(place.tree("etc/resolv.conf")).st_mode == type);
  if (S_ISREG(type)) CHECK(content(place.tree("etc/resolv.conf")) == "mine\n");
}

// chattr +i, so that nobody touches it.
TEST_CASE("a resolv.conf that was made immutable inside is not followed any more") {
  const Place place;
  auto request = place.request();
  request.mark_resolv_conf = true;
  Place::write(place.host("etc/resolv.conf"), "nameserver 1\n");
  place.run(request);
  const base::UniqueFd root(
      base::check(::open(place.tree().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", "tree"));
  const base::UniqueFd file(
      base::check(::open(place.tree("etc/resolv.conf").c_str(), O_RDONLY | O_CLOEXEC), "opening", "resolv.conf"));
  int flags = FS_IMMUTABLE_FL;
  if (::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) != 0)
    unionroot::tests::skip("this file system has no immutable flag");
  Place::write(place.host("etc/resolv.conf"), "nameserver 22\n");
  FileVersion seen;
  CHECK_FALSE(follow_resolv_conf(root.get(), place.path("host"), seen));
  CHECK(content(place.tree("etc/resolv.conf")) == "nameserver 1\n");
  flags = 0;
  REQUIRE(::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0);
  Place::write(place.host("etc/resolv.conf"), "nameserver 333\n");
  CHECK(follow_resolv_conf(root.get(), place.path("host"), seen));
}

TEST_CASE("resolv.conf is left alone if the definition says so, even if the profile lists it") {
  const Place place;
  Place::write(place.tree("etc/resolv.conf"), "own\n");
  Place::write(place.host("etc/resolv.conf"), "host\n");
  auto request = place.request();
  request.copyfiles = {as_is("/etc/resolv.conf")};
  request.follow_resolv_conf = false;
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("etc/resolv.conf")) == "own\n");
  request.follow_resolv_conf = true;
  fs::remove(place.host("etc/resolv.conf"));
  CHECK(mentions(place.run(request), "/etc/resolv.conf: skipped: the host has no such file"));
  CHECK(content(place.tree("etc/resolv.conf")) == "own\n");
}

TEST_CASE("names") {
  const Place place;
  auto request = place.request();
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("etc/hostname")) == "box\n");
  CHECK(content(place.tree("etc/debian_chroot")) == "sid\n");
  request.hostname.clear();
  request.chroot_name.clear();
  (void)place.run(request);
  char name[256];
  REQUIRE(::gethostname(name, sizeof name) == 0);
  CHECK(content(place.tree("etc/hostname")) == std::string(name) + "\n");
}

TEST_CASE("a tree without etc stays without") {
  const Place place;
  fs::remove_all(place.tree("etc"));
  auto request = place.request();
  request.user = User{"lena", 5000, 5000, "", "/", "/bin/sh", "lena"};
  const auto notes = place.run(request);
  CHECK(mentions(notes, "etc/passwd: skipped: the tree has no such folder"));
  CHECK_FALSE(fs::exists(place.tree("etc")));
}

TEST_CASE("a full disk is no_space, and the old file is whole") {
  const Place place;
  Place::write(place.host("etc/big"), std::string(200000, 'x'));
  in_own_namespace([&] {
    mount("tmpfs", place.tree(), "tmpfs", 0, "size=64k");
    fs::create_directory(place.tree("etc"));
    Place::write(place.tree("etc/big"), "old\n");
    auto request = place.request();
    request.copyfiles = {as_is("/etc/big")};
    try {
      (void)place.run(request);
      FAIL("no error");
    } catch (const base::Error& error) {
      CHECK(error.code() == base::ErrorCode::no_space);
      CHECK(std::string(error.what()).find("big") != std::string::npos);
    }
    CHECK(content(place.tree("etc/big")) == "old\n");
    // No temporary file is left.
    for (const auto& entry : fs::directory_iterator(place.tree("etc")))
      CHECK(entry.path().filename().string().substr(0, 1) != ".");
  });
}

TEST_CASE("a definition's keys become a request") {
  definition::Definition made;
  made.name = "sid";
  made.nss = definition::NssMode::copy;
  made.resolv_conf = "none";
  made.hostname = "h";
  made.profile.copyfiles = {as_is("/a")};
  made.profile.nssdatabases = {"passwd"};
  const auto request = files_request(made, User{"u", 1, 1, "", "", "", ""});
  CHECK(request.nss == definition::NssMode::copy);
  CHECK_FALSE(request.follow_resolv_conf);
  CHECK(request.hostname == "h");
  CHECK(request.chroot_name == "sid");
  CHECK(request.copyfiles == made.profile.copyfiles);
  CHECK(request.databases == made.profile.nssdatabases);
  CHECK(request.user->name == "u");
  made.resolv_conf = "follow";
  CHECK(files_request(made, {}).follow_resolv_conf);
}

TEST_CASE("what it costs", "[.cost]") {
  const Place place;
  for (const char* name : {"passwd", "shadow", "group", "gshadow", "resolv.conf"})
    tests::copy_file(std::string("/etc/") + name, place.host("etc/") + name);
  auto request = place.request();
  request.user = find_user(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto measure = [&](const char* name, const std::function<void()>& prepare,
                           const std::function<void()>& action) {
    std::vector<double> times;
    for (int i = 0; i < 300; ++i) {
      prepare();
      const auto start = std::chrono::steady_clock::now();
      action();
      times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    std::cout << name << ": median " << times[150] << " us, fastest " << times[0] << " us\n";
  };
  in_own_namespace([&] {
    const base::UniqueFd root(base::check(::open(place.tree().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening"));
    measure(
        "all seven files written",
        [&] {
          fs::remove_all(place.tree("etc"));
          fs::create_directory(place.tree("etc"));
        },
        [&] { (void)write_files(root.get(), request); });
    measure(
        "nothing to write", [] {}, [&] { (void)write_files(root.get(), request); });
    measure(
        "find_user", [] {}, [] { (void)find_user(0); });
  });
}
