// Links and modes of configuration: what root wrote is read, wherever root's links lead, and nothing else.
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "configuration_folder.h"
#include "definition/trusted_file.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

const std::string tree = "type=directory\ndirectory=/srv\n";

void link(const std::string& target, const std::string& path) { REQUIRE(::symlink(target.c_str(), path.c_str()) == 0); }

void give(const std::string& path, uid_t user, gid_t group) { REQUIRE(::lchown(path.c_str(), user, group) == 0); }

void set_mode(const std::string& path, mode_t mode) { REQUIRE(::chmod(path.c_str(), mode) == 0); }

// What is said where the file is not read; empty: it is.
std::string refusal(const std::string& path) {
  try {
    return read_trusted(path) ? std::string() : "there is none";
  } catch (const unionroot::base::Error& error) {
    return std::string(error.what()) + "; " + error.hint();
  }
}

// user:1000:rw for a file: acl(5), as the kernel keeps it.
bool let_user_write(const std::string& path) {
  const unsigned char list[] = {2,  0, 0, 0,                           // version
                                1,  0, 6, 0, 0xFF, 0xFF, 0xFF, 0xFF,   // owner
                                2,  0, 6, 0, 0xE8, 3,    0,    0,      // uid 1000
                                4,  0, 4, 0, 0xFF, 0xFF, 0xFF, 0xFF,   // group
                                16, 0, 6, 0, 0xFF, 0xFF, 0xFF, 0xFF,   // mask
                                32, 0, 4, 0, 0xFF, 0xFF, 0xFF, 0xFF};  // others
  return ::setxattr(path.c_str(), "system.posix_acl_access", list, sizeof list, 0) == 0;
}

}  // namespace

TEST_CASE("files and folders that root's group may write to are read") {
  const ConfigurationFolder folder;
  auto settings = folder.settings();
  settings.read_schroot = true;
  for (const mode_t mode : {0664U, 0660U, 0640U, 0600U, 0444U}) {
    INFO(mode);
    set_mode(folder.write("schroot/schroot.conf", "[main]\n" + tree), mode);
    set_mode(folder.write("schroot/chroot.d/a", "[a]\n" + tree + "profile=mine\n"), mode);
    set_mode(folder.write("schroot/mine/fstab", "proc /proc proc\n"), mode);
    set_mode(folder / "schroot/mine", 0775);
    set_mode(folder / "schroot/chroot.d", 0775);
    set_mode(folder.write("unionroot.conf", "[own]\n" + tree), mode);
    const auto snapshot = load(settings);
    INFO(texts(snapshot.problems));
    CHECK(snapshot.find("main"));
    CHECK(snapshot.find("own"));
    REQUIRE(snapshot.find("a"));
    CHECK(snapshot.find("a")->profile.fstab.size() == 1);
  }
}

TEST_CASE("files that another group, others, or somebody by a list may write to are not read") {
  const ConfigurationFolder folder;
  const auto file = folder.write("file", "x", 0664);
  CHECK(refusal(file).empty());
  give(file, 0, 1000);
  CHECK_THAT(refusal(file), Contains("is writable by the group 1000, which is not root's and is not read; if its "
                                     "content is right: chmod go-w " +
                                     file));
  set_mode(file, 0644);
  CHECK(refusal(file).empty());
  set_mode(file, 0662);
  CHECK_THAT(refusal(file), Contains("is writable by others than root and is not read"));
  give(file, 1000, 0);
  set_mode(file, 0644);
  CHECK_THAT(refusal(file), Contains("is owned by uid 1000, not by root and is not read"));
}

TEST_CASE("a file that somebody may write to by an access control list is not read") {
  const ConfigurationFolder folder;
  const auto listed = folder.write("listed", "x", 0644);
  CHECK(refusal(listed).empty());
  if (!let_user_write(listed)) unionroot::tests::skip("the file system has no access control lists");
  CHECK_THAT(refusal(listed), Contains("is writable by others than root, by an access control list"));
}

TEST_CASE("links of root's are followed") {
  const ConfigurationFolder folder;
  folder.write("else/where/real", "content");
  link("else/where/real", folder / "relative");
  link(folder / "else/where/real", folder / "absolute");
  link("relative", folder / "twice");
  link("else/../else/where", folder / "dots");
  link("where/real", folder / "else/inner");
  for (const char* name : {"relative", "absolute", "twice", "dots/real", "else/inner", "else/../dots/real"}) {
    INFO(name);
    std::set<std::string> consulted;
    CHECK(read_trusted(folder / name, &consulted) == "content");
    CHECK(std::any_of(consulted.begin(), consulted.end(),
                      [&](const auto& path) { return boost::filesystem::equivalent(path, folder / "else/where"); }));
  }
  CHECK(list_trusted(folder / "dots") == std::vector<std::string>{"real"});
}

TEST_CASE("links that lead nowhere, in circles, to a device or into a folder of a user's are not followed") {
  const ConfigurationFolder folder;
  link("missing", folder / "nowhere");
  link("circle", folder / "circle");
  link("/dev/null", folder / "device");
  link("/proc/self/environ", folder / "odd");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  link("fifo", folder / "to-fifo");
  CHECK_THAT(refusal(folder / "nowhere"), Contains("/nowhere' is a symbolic link that leads to '") &&
                                              Contains("/missing', which does not exist; remove the link"));
  CHECK_THAT(refusal(folder / "circle"), Contains("Too many levels of symbolic links"));
  CHECK_THAT(refusal(folder / "device"), Contains("is not read"));
  CHECK_THAT(refusal(folder / "to-fifo"), Contains("is not a regular file"));
  CHECK(refusal(folder / "gone") == "there is none");

  // Whoever can rename in a folder on the way could put another file of root's there.
  folder.write("users/sub/real", "content");
  link("users/sub/real", folder / "through");
  CHECK(refusal(folder / "through").empty());
  give(folder / "users", 1000, 1000);
  CHECK_THAT(refusal(folder / "through"), Contains("through' is not read: its path contains a symbolic link, and '") &&
                                              Contains("/users' is owned by uid 1000, not by root; put the file itself "
                                                       "there, or: chown root:root"));
  give(folder / "users", 0, 0);
  set_mode(folder / "users", 0777);
  CHECK_THAT(refusal(folder / "through"), Contains("/users' is writable by others than root"));
  set_mode(folder / "users", 01777);
  CHECK(refusal(folder / "through").empty());  // nobody can rename what is root's there
  set_mode(folder / "users", 0755);
  give(folder / "through", 1000, 1000);
  CHECK_THAT(refusal(folder / "through"),
             Contains("/through' is a symbolic link of uid 1000, not of root and is not read; "
                      "put the file itself there"));
  // A link that stands in such a folder.
  folder.write("real", "content");
  link("../real", folder / "users/link");
  CHECK(refusal(folder / "users/link").empty());
  give(folder / "users", 1000, 1000);
  CHECK_THAT(refusal(folder / "users/link"), Contains("/users' is owned by uid 1000"));
  // Without a link the path is as somebody gave it to the daemon: only its end counts.
  CHECK(refusal(folder / "users/sub/real").empty());
}

TEST_CASE("a definition and a profile that are links are read, and edits behind them are noticed") {
  const ConfigurationFolder folder;
  const auto real = folder.write("kept/a", "[a]\n" + tree + "profile=mine\n");
  folder.write("kept/profile/fstab", "proc /proc proc\n");
  const auto copied = folder.write("kept/copyfiles", "/etc/hosts\n");
  folder.write("schroot/chroot.d/other", "[other]\n" + tree);
  folder.write("schroot/mine/nssdatabases", "passwd\n");
  link("../../kept/a", folder / "schroot/chroot.d/a");
  link("../../kept/profile/fstab", folder / "schroot/mine/fstab");
  link(copied, folder / "schroot/mine/copyfiles");
  auto settings = folder.settings();
  settings.read_schroot = true;
  Registry registry(settings);
  REQUIRE(registry.snapshot()->find("a"));
  const auto profile = registry.snapshot()->find("a")->profile;
  CHECK(profile.fstab.size() == 1);
  CHECK(profile.copyfiles.size() == 1);
  CHECK(profile.nssdatabases.size() == 1);
  // An edited file counts for the very next call.
  folder.write("kept/copyfiles", "/etc/hosts\n/etc/networks\n");
  CHECK(registry.snapshot()->find("a")->profile.copyfiles.size() == 2);
  folder.write("kept/a", "[b]\n" + tree);
  CHECK(registry.snapshot()->find("b"));
  CHECK_FALSE(registry.snapshot()->find("a"));
  REQUIRE(::unlink(real.c_str()) == 0);
  CHECK_FALSE(registry.snapshot()->find("b"));
  CHECK(registry.snapshot()->find("other"));
  CHECK_THAT(texts(registry.snapshot()->problems), Contains("is a symbolic link that leads to"));
  folder.write("kept/a", "[b]\n" + tree);
  CHECK(registry.snapshot()->find("b"));
}
