#include "base/files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/ids.h"
#include "base/text.h"
#include "kernel/files.h"

using namespace unionroot;
using namespace unionroot::kernel;
using base::concat;
using base::UniqueFd;

namespace {

// A folder of its own in /tmp, removed at the end by the function under test.
struct Folder {
  std::string name = concat("unionroot-files-", base::random_token());
  UniqueFd parent = open_directory("/tmp");
  UniqueFd fd;
  Folder() {
    make_directory(parent.get(), name, 0755);
    fd = open_directory_at(parent.get(), name);
  }
  ~Folder() { CHECK(remove_tree(parent.get(), name)); }
  [[nodiscard]] std::string path(const std::string& sub) const { return concat("/tmp/", name, "/", sub); }
  [[nodiscard]] std::vector<std::string> names() const {
    auto all = list_directory(fd.get());
    std::sort(all.begin(), all.end());
    return all;
  }
};

mode_t mode_of(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
}

int error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::SystemError& error) {
    return error.error_number();
  }
  return 0;
}

}  // namespace

TEST_CASE("folders and files have the mode asked for, whatever the umask is") {
  const Folder folder;
  const mode_t mask = ::umask(077);
  make_directory(folder.fd.get(), "a", 0755);
  CHECK(ensure_directory(folder.fd.get(), "b", 0751));
  CHECK_FALSE(ensure_directory(folder.fd.get(), "b", 0700));
  CHECK(ensure_file(folder.fd.get(), "f", 0644));
  CHECK_FALSE(ensure_file(folder.fd.get(), "f", 0600));
  ensure_directories(folder.path("x/y/z"), 0755);
  ensure_directories(folder.path("x/y/z"), 0700);
  write_file_atomically(folder.fd.get(), "w", "content", 0640, true);
  ::umask(mask);
  CHECK(mode_of(folder.path("a")) == 0755);
  CHECK(mode_of(folder.path("b")) == 0751);
  CHECK(mode_of(folder.path("f")) == 0644);
  CHECK(mode_of(folder.path("x/y")) == 0755);
  CHECK(mode_of(folder.path("w")) == 0640);
  CHECK(folder.names() == std::vector<std::string>{"a", "b", "f", "w", "x"});
}

TEST_CASE("what has the name already is not taken for what was asked for") {
  const Folder folder;
  REQUIRE(::symlink("/tmp", folder.path("link").c_str()) == 0);
  write_file_atomically(folder.fd.get(), "file", "", 0644, false);
  CHECK(error_of([&] { make_directory(folder.fd.get(), "file", 0755); }) == EEXIST);
  CHECK(error_of([&] { ensure_directory(folder.fd.get(), "file", 0755); }) == ENOTDIR);
  CHECK(error_of([&] { ensure_directory(folder.fd.get(), "link", 0755); }) == ENOTDIR);
  CHECK(error_of([&] { static_cast<void>(open_directory_at(folder.fd.get(), "link")); }) == ENOTDIR);
  CHECK(error_of([&] { ensure_directories(folder.path("file/x"), 0755); }) == ENOTDIR);
  CHECK(error_of([&] { rename_to(folder.fd.get(), "file", folder.fd.get(), "link"); }) == EEXIST);
  CHECK(error_of([&] { rename_to(folder.fd.get(), "none", folder.fd.get(), "new"); }) == ENOENT);
  CHECK(exists_at(folder.fd.get(), "link"));
  CHECK_FALSE(exists_at(folder.fd.get(), "none"));
  CHECK(remove_file(folder.fd.get(), "link"));
  CHECK_FALSE(remove_file(folder.fd.get(), "link"));
  CHECK_FALSE(remove_directory(folder.fd.get(), "none"));
  CHECK(error_of([&] { remove_directory(folder.fd.get(), "file"); }) == ENOTDIR);
}

TEST_CASE("reading in a tree never leaves it, and opens nothing but regular files") {
  const Folder outside;
  write_file_atomically(outside.fd.get(), "secret", "secret", 0644, false);
  const Folder tree;
  make_directory(tree.fd.get(), "etc", 0755);
  write_file_atomically(tree.fd.get(), "file", "12345", 0644, false);
  const int root = tree.fd.get();
  REQUIRE(::symlinkat(outside.path("secret").c_str(), root, "absolute") == 0);
  REQUIRE(::symlinkat(concat("../", outside.name, "/secret").c_str(), root, "relative") == 0);
  REQUIRE(::symlinkat("../../../file", root, "etc/up") == 0);
  REQUIRE(::symlinkat("/file", root, "inside") == 0);
  REQUIRE(::mkfifoat(root, "fifo", 0644) == 0);
  CHECK_FALSE(read_in_tree(root, "absolute", 100));
  CHECK_FALSE(read_in_tree(root, "relative", 100));
  CHECK_FALSE(read_in_tree(root, concat("../", outside.name, "/secret"), 100));
  CHECK(read_in_tree(root, "etc/up", 100) == "12345");
  CHECK(read_in_tree(root, "/inside", 100) == "12345");
  CHECK(read_in_tree(root, "file", 3) == "123");
  CHECK_FALSE(read_in_tree(root, "none", 100));
  CHECK_FALSE(read_in_tree(root, "file/x", 100));
  CHECK(error_of([&] { read_in_tree(root, "fifo", 100); }) == EINVAL);
  CHECK(error_of([&] { read_in_tree(root, "etc", 100); }) == EISDIR);
}

TEST_CASE("writing in a tree replaces the name, and follows nothing") {
  const Folder outside;
  write_file_atomically(outside.fd.get(), "victim", "untouched", 0644, false);
  const Folder tree;
  make_directory(tree.fd.get(), "etc", 0755);
  const int root = tree.fd.get();
  REQUIRE(::symlinkat(outside.path("victim").c_str(), root, "etc/issue") == 0);
  REQUIRE(::symlinkat(outside.path("").c_str(), root, "away") == 0);
  write_in_tree(root, "etc/issue", "new", 04755, ::getuid(), ::getgid());
  CHECK(base::read_file(outside.path("victim")) == "untouched");
  CHECK(base::read_file(tree.path("etc/issue")) == "new");
  CHECK(mode_of(tree.path("etc/issue")) == 04755);
  // A hard link's other names keep the old content.
  REQUIRE(::linkat(outside.fd.get(), "victim", root, "etc/linked", 0) == 0);
  write_in_tree(root, "/etc/linked", "new", 0644, ::getuid(), ::getgid());
  CHECK(base::read_file(outside.path("victim")) == "untouched");

  CHECK(error_of([&] { write_in_tree(root, "away/x", "new", 0644, 0, 0); }) == ENOENT);
  CHECK(error_of([&] { write_in_tree(root, "none/x", "new", 0644, 0, 0); }) == ENOENT);
  CHECK(error_of([&] { write_in_tree(root, "etc", "new", 0644, ::getuid(), ::getgid()); }) == EISDIR);
  for (const char* bad : {"", "/", "etc/", "etc/.", "etc/.."}) {
    INFO(bad);
    CHECK(error_of([&] { write_in_tree(root, bad, "new", 0644, 0, 0); }) == EISDIR);
  }
  write_in_tree(root, "../top", "stays inside", 0644, ::getuid(), ::getgid());
  CHECK(base::read_file(tree.path("top")) == "stays inside");
  CHECK(list_directory(open_directory(tree.path("etc")).get()).size() == 2);  // no temporary file is left
  CHECK(outside.names() == std::vector<std::string>{"victim"});
}

TEST_CASE("what a writer that died left half-written does not hinder the next one") {
  const Folder outside;
  write_file_atomically(outside.fd.get(), "victim", "untouched", 0644, false);
  const Folder tree;
  const int root = tree.fd.get();
  SECTION("a file") { write_file_atomically(root, ".half", "half", 0600, false); }
  SECTION("a symlink that somebody put there") {
    REQUIRE(::symlinkat(outside.path("victim").c_str(), root, ".half") == 0);
  }
  SECTION("nothing") {}
  write_in_tree(root, "issue", "new", 0644, ::getuid(), ::getgid(), ".half");
  CHECK(base::read_file(tree.path("issue")) == "new");
  CHECK(tree.names() == std::vector<std::string>{"issue"});
  CHECK(base::read_file(outside.path("victim")) == "untouched");
}

TEST_CASE("a tree is removed with symlinks, odd names and closed folders, and nothing beside it") {
  const Folder folder;
  make_directory(folder.fd.get(), "kept", 0755);
  ensure_file(folder.fd.get(), "kept/file", 0644);
  make_directory(folder.fd.get(), "t", 0755);
  const UniqueFd tree = open_directory_at(folder.fd.get(), "t");
  REQUIRE(::symlinkat("../kept", tree.get(), "link") == 0);
  REQUIRE(::mkfifoat(tree.get(), "fifo", 0) == 0);
  make_directory(tree.get(), "new\nline", 0755);
  ensure_file(tree.get(), "new\nline/ \\", 0);
  if (::getuid() == 0) {
    make_directory(tree.get(), "closed", 0755);
    ensure_file(tree.get(), "closed/file", 0);
    REQUIRE(::fchmodat(tree.get(), "closed", 0, 0) == 0);
  }
  for (int i = 0; i < 3000; ++i) ensure_file(tree.get(), std::to_string(i), 0600);
  CHECK(remove_tree(folder.fd.get(), "t"));
  CHECK(folder.names() == std::vector<std::string>{"kept"});
  CHECK(exists_at(folder.fd.get(), "kept/file"));
  CHECK(remove_tree(folder.fd.get(), "t"));  // gone already
  ensure_file(folder.fd.get(), "single", 0600);
  CHECK(remove_tree(folder.fd.get(), "single"));
  for (const char* bad : {"", ".", "..", "kept/file"})
    CHECK(error_of([&] { remove_tree(folder.fd.get(), bad); }) == EINVAL);
}

TEST_CASE("a tree deeper than there are descriptors, or than a path can name, is removed") {
  const Folder folder;
  UniqueFd at = open_directory_at(folder.fd.get(), ".");
  make_directory(at.get(), "deep", 0755);
  at = open_directory_at(at.get(), "deep");
  const std::string name(20, 'd');
  for (int depth = 0; depth < 3000; ++depth) {
    make_directory(at.get(), name, 0755);
    if (depth % 100 == 0) ensure_file(at.get(), "file", 0600);
    at = open_directory_at(at.get(), name);
  }
  at.reset();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{128, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(remove_tree(folder.fd.get(), "deep"));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(folder.names().empty());
}

TEST_CASE("removing stops when it is asked to, and can go on later") {
  const Folder folder;
  make_directory(folder.fd.get(), "t", 0755);
  const UniqueFd tree = open_directory_at(folder.fd.get(), "t");
  for (int i = 0; i < 500; ++i) ensure_file(tree.get(), std::to_string(i), 0600);
  int asked = 0;
  CHECK_FALSE(remove_tree(folder.fd.get(), "t", [&] { return ++asked == 2; }));
  CHECK(asked == 2);
  const std::size_t left = list_directory(tree.get()).size();
  CHECK(left > 0);
  CHECK(left < 500);
  CHECK(remove_tree(folder.fd.get(), "t", [] { return false; }));
  CHECK(folder.names().empty());
}

TEST_CASE("folders alone are listed where they are asked for") {
  const Folder folder;
  make_directory(folder.fd.get(), "one", 0755);
  make_directory(folder.fd.get(), ".two", 0755);
  CHECK(ensure_file(folder.fd.get(), "file", 0644));
  REQUIRE(::symlinkat("one", folder.fd.get(), "link") == 0);
  auto found = list_directory(folder.fd.get(), Listed::folders);
  std::sort(found.begin(), found.end());
  CHECK(found == std::vector<std::string>{".two", "one"});
  CHECK(folder.names().size() == 4);
}

TEST_CASE("a hint to spread folders changes nothing else, and fails nowhere") {
  const Folder folder;
  make_directory(folder.fd.get(), "one", 0755);
  CHECK(ensure_file(folder.fd.get(), "file", 0644));
  const auto flags_of = [](const std::string& path) {
    const UniqueFd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    int flags = 0;  // stays so where the file system has none
    ::ioctl(opened.get(), FS_IOC_GETFLAGS, &flags);
    return flags;
  };
  const auto before = flags_of(folder.path("one"));
  spread_folders(folder.path("one"));
  spread_folders(folder.path("one"));
  CHECK((flags_of(folder.path("one")) & ~FS_TOPDIR_FL) == before);
  const auto file_before = flags_of(folder.path("file"));
  for (const char* name : {"file", "none"}) spread_folders(folder.path(name));
  CHECK(flags_of(folder.path("file")) == file_before);
  spread_folders("/proc/self");
  make_directory(open_directory(folder.path("one")).get(), "beneath", 0755);
  CHECK((flags_of(folder.path("one/beneath")) & FS_TOPDIR_FL) == 0);
}
