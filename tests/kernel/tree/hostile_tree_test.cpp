// Trees that somebody laid out to reach the host, or to hold us up.
#include <sys/sysmacros.h>

#include <catch2/catch.hpp>

#include "support.h"

using namespace tree_test;

namespace {

// Everything a session can be given.
FilesRequest everything(const Place& place) {
  auto request = place.request();
  Place::write(place.host("etc/passwd"), "alice:x:1000:1000::/home/alice:/bin/sh\n");
  Place::write(place.host("etc/services"), "ssh 22/tcp\n");
  Place::write(place.host("etc/copied"), "copied\n");
  Place::write(place.host("etc/resolv.conf"), "nameserver 192.0.2.1\n");
  request.databases.emplace_back("services");
  request.copyfiles = {as_is("/etc/copied")};
  request.user = User{"lena", 5000, 5000, "", "/", "/bin/sh", "lena"};
  return request;
}

// A folder of the host that nothing may reach.
std::string victim(const Place& place) {
  const std::string folder = place.path("victim");
  fs::create_directory(folder);
  Place::write(folder + "/passwd", "victim\n");
  return folder;
}

void check_untouched(const std::string& folder) {
  CHECK(content(folder + "/passwd") == "victim\n");
  CHECK(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
}

const char* const all_names[] = {"passwd", "shadow",   "group",       "gshadow",      "services",
                                 "copied", "hostname", "resolv.conf", "debian_chroot"};

}  // namespace

TEST_CASE("etc as a symlink to a folder of the host") {
  const Place place;
  const auto request = everything(place);
  const std::string folder = victim(place);
  fs::remove_all(place.tree("etc"));
  SECTION("absolute") { fs::create_symlink(folder, place.tree("etc")); }
  SECTION("upwards") { fs::create_symlink("../../../../../../.." + folder, place.tree("etc")); }
  SECTION("through another one") {
    fs::create_symlink("/", place.tree("top"));
    fs::create_symlink("top" + folder, place.tree("etc"));
  }
  SECTION("through a descriptor of this process") { fs::create_symlink("/proc/self/cwd", place.tree("etc")); }
  const auto notes = place.run(request);
  check_untouched(folder);
  CHECK(mentions(notes, "etc/passwd: skipped: the tree has no such folder"));
  CHECK(mentions(notes, "etc/copied: skipped: the tree has no such folder"));
}

TEST_CASE("etc as a symlink inside the tree is followed there") {
  const Place place;
  const auto request = everything(place);
  const std::string folder = victim(place);
  fs::remove_all(place.tree("etc"));
  fs::create_directories(place.tree(folder.substr(1)));
  fs::create_symlink(folder, place.tree("etc"));
  CHECK(place.run(request).empty());
  check_untouched(folder);
  CHECK(content(place.tree(folder.substr(1)) + "/hostname") == "box\n");
}

TEST_CASE("a file as a symlink is replaced, and what it leads to is left alone") {
  const Place place;
  const auto request = everything(place);
  const std::string folder = victim(place);
  const std::string target = GENERATE_COPY(std::string("/passwd"), std::string("/none"));
  const bool absolute = GENERATE(true, false);
  for (const char* name : all_names)
    fs::create_symlink((absolute ? "" : "../../../../../..") + folder + target, place.tree("etc/") + name);
  CHECK(place.run(request).empty());
  check_untouched(folder);
  for (const char* name : {"passwd", "hostname", "copied", "services", "resolv.conf", "debian_chroot"}) {
    INFO(name);
    CHECK(S_ISREG(status_of(place.tree("etc/") + name).st_mode));
  }
  CHECK(content(place.tree("etc/passwd")) == "alice:x:1000:1000::/home/alice:/bin/sh\nlena:x:5000:5000::/:/bin/sh\n");
}

TEST_CASE("a file as a symlink inside the tree is merged with what it leads to, and replaced") {
  const Place place;
  const auto request = everything(place);
  Place::write(place.tree("real"), "pkg:x:7:7:::\n");
  fs::create_symlink("/real", place.tree("etc/passwd"));
  CHECK(place.run(request).empty());
  CHECK(content(place.tree("real")) == "pkg:x:7:7:::\n");
  CHECK(content(place.tree("etc/passwd")).substr(0, 26) == "pkg:x:7:7:::\nalice:x:1000:");
}

TEST_CASE("loops") {
  const Place place;
  const auto request = everything(place);
  SECTION("of the folder") {
    fs::remove_all(place.tree("etc"));
    fs::create_symlink("etc", place.tree("etc"));
    CHECK(mentions(place.run(request), "the tree has no such folder"));
  }
  SECTION("of a file") {
    fs::create_symlink("passwd", place.tree("etc/passwd"));
    CHECK(place.run(request).empty());
    CHECK(S_ISREG(status_of(place.tree("etc/passwd")).st_mode));
  }
}

TEST_CASE("FIFOs, devices and folders in a file's place neither block nor change") {
  const Place place;
  const auto request = everything(place);
  const auto make = GENERATE(0, 1, 2, 3);
  for (const char* name : all_names) {
    const std::string path = place.tree("etc/") + name;
    if (make == 0) REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
    if (make == 1) REQUIRE(::mknod(path.c_str(), S_IFCHR | 0644, ::makedev(5, 0)) == 0);
    if (make == 2) fs::create_directory(path);
    if (make == 3) {
      REQUIRE(::mkfifo((path + ".fifo").c_str(), 0644) == 0);
      fs::create_symlink(name + std::string(".fifo"), path);
    }
  }
  const auto notes = place.run(request);
  for (const char* name : all_names) {
    INFO(name);
    const auto status = status_of(place.tree("etc/") + name);
    if (make == 3) {  // the symlink is replaced, the FIFO stays
      CHECK(S_ISFIFO(status_of(place.tree("etc/") + name + ".fifo").st_mode));
    } else {
      CHECK_FALSE(S_ISREG(status.st_mode));
      CHECK(mentions(notes, std::string("etc/") + name + ": skipped: in the tree it is not a regular file"));
    }
  }
}

TEST_CASE("a huge file is neither read nor replaced") {
  const Place place;
  const auto request = everything(place);
  Place::write(place.tree("etc/passwd"), "");
  fs::resize_file(place.tree("etc/passwd"), std::uintmax_t{1} << 40);
  CHECK(mentions(place.run(request), "etc/passwd: skipped: in the tree it is larger than 16 MiB"));
  CHECK(fs::file_size(place.tree("etc/passwd")) == std::uintmax_t{1} << 40);
}

TEST_CASE("a folder of the host that is bound into the session is not written to") {
  const Place place;
  const auto request = everything(place);
  const std::string folder = victim(place);
  in_own_namespace([&] {
    mount(place.path("tree"), place.path("tree"), nullptr, MS_BIND);
    SECTION("at etc itself") { mount(folder, place.tree("etc"), nullptr, MS_BIND); }
    SECTION("where etc, a symlink, leads") {
      fs::remove_all(place.tree("etc"));
      fs::create_directory(place.tree("home"));
      fs::create_symlink("home", place.tree("etc"));
      mount(folder, place.tree("home"), nullptr, MS_BIND);
    }
    const auto notes = place.run(request);
    CHECK(mentions(notes, "etc/passwd: skipped: in the session it lies in another mount"));
    CHECK(mentions(notes, "etc/hostname: skipped: in the session it lies in another mount"));
    check_untouched(folder);
  });
  check_untouched(folder);
}

TEST_CASE("a file of the host that is bound into the session is not written to") {
  const Place place;
  const auto request = everything(place);
  const std::string folder = victim(place);
  in_own_namespace([&] {
    mount(place.path("tree"), place.path("tree"), nullptr, MS_BIND);
    for (const char* name : all_names) {
      Place::write(place.tree("etc/") + name, "");
      mount(folder + "/passwd", place.tree("etc/") + name, nullptr, MS_BIND);
    }
    const auto notes = place.run(request);
    for (const char* name : all_names) CHECK(mentions(notes, std::string("etc/") + name + ": skipped: in the session"));
  });
  check_untouched(folder);
}
