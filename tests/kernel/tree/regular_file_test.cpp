// Opening a regular file in a tree whose users lay out what they like: every outcome, and every user of it.
#include "kernel/regular_file.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>

#include "archive/archive.h"
#include "base/text.h"
#include "copy_file.h"
#include "kernel/files.h"
#include "launch/spec.h"
#include "support.h"
#include "tree/foreign.h"
#include "tree/tree_access.h"

using namespace tree_test;
using Outcome = kernel::RegularFile::Found;

namespace {

base::UniqueFd root_of(const Place& place) { return kernel::open_directory(place.tree()); }

// What is put in a file's place. Nothing that may block or do something may ever be opened.
const char* const kinds[] = {"folder", "FIFO", "socket", "device", "link to a device"};

void put(const std::string& kind, const std::string& path) {
  fs::remove_all(path);
  if (kind == "folder") fs::create_directory(path);
  if (kind == "FIFO") base::check(::mkfifo(path.c_str(), 0644), "making a FIFO");
  // No driver has this number: whoever opens it gets ENXIO, which no outcome is.
  if (kind == "device") base::check(::mknod(path.c_str(), S_IFCHR | 0644, makedev(4095, 1)), "making a device");
  if (kind == "link to a device") {
    base::check(::mknod((path + ".device").c_str(), S_IFCHR | 0644, makedev(4095, 1)), "making a device");
    fs::create_symlink(fs::path(path).filename().string() + ".device", path);
  }
  if (kind == "socket") {
    const base::UniqueFd socket(base::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "making a socket"));
    // By a short name: the path may be too long for one.
    const base::UniqueFd folder(kernel::open_directory(fs::path(path).parent_path().string()));
    const auto name = base::concat("/proc/self/fd/", folder.get(), "/", fs::path(path).filename().string());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    name.copy(address.sun_path, name.size());
    base::check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "binding a socket");
  }
}

// A lease as a file server takes it: whoever opens the file to read waits for up to 45 s until it is given back.
class Lease {
 public:
  explicit Lease(const std::string& path)
      : file_(base::check(::open(path.c_str(), O_RDWR | O_CLOEXEC), "opening", path)) {
    // The kernel asks for it back by this signal, which this process does not care for.
    base::check(::fcntl(file_.get(), F_SETSIG, SIGURG), "choosing the signal of the lease of", path);
    base::check(::fcntl(file_.get(), F_SETLEASE, F_WRLCK), "taking a lease on", path);
  }

 private:
  base::UniqueFd file_;
};

std::optional<base::Error> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  return std::nullopt;
}

std::string content_of(const kernel::RegularFile& file) { return base::read_all(file.descriptor.get(), "it"); }

}  // namespace

TEST_CASE("a regular file in the tree, also behind links that stay inside") {
  const Place place;
  Place::write(place.tree("etc/file"), "inside");
  Place::write(place.path("file"), "outside");
  fs::create_symlink("/etc/file", place.tree("absolute"));
  fs::create_symlink("../../../etc/file", place.tree("upwards"));
  fs::create_symlink(place.path("file"), place.tree("out"));
  fs::create_symlink("../file", place.tree("up"));
  const auto root = root_of(place);
  for (const char* path : {"etc/file", "/etc/file", "absolute", "upwards", "../etc/file", "etc/../../../etc/file"}) {
    INFO(path);
    const auto file = kernel::open_regular_in_tree(root.get(), path);
    REQUIRE(file.found == Outcome::file);
    CHECK(content_of(file) == "inside");
    CHECK(file.status.st_size == 6);
    CHECK((::fcntl(file.descriptor.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(file.descriptor.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  }
  for (const char* path : {"out", "up", "../file"}) {
    INFO(path);
    CHECK(kernel::open_regular_in_tree(root.get(), path).found == Outcome::absent);
  }
}

TEST_CASE("a path that leads nowhere") {
  const Place place;
  Place::write(place.tree("etc/file"), "inside");
  fs::create_symlink("circle", place.tree("circle"));
  fs::create_symlink("/proc/self/cwd/etc/file", place.tree("own"));
  const auto root = root_of(place);
  const auto path = GENERATE(std::string("none"), std::string("none/file"), std::string("etc/file/more"),
                             std::string("circle"), std::string("own"), std::string(300, 'n'), std::string());
  INFO(path);
  CHECK(kernel::open_regular_in_tree(root.get(), path).found == Outcome::absent);
  CHECK_FALSE(kernel::find_in_tree(root.get(), path));
}

TEST_CASE("links of the kernel's own are not followed") {
  unionroot::tests::require_root("to read the links in /proc");
  const base::UniqueFd proc(base::check(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening /proc"));
  CHECK(kernel::open_regular_in_tree(proc.get(), base::concat(::getpid(), "/exe")).found == Outcome::absent);
}

TEST_CASE("what is no regular file is not opened") {
  const Place place;
  const auto root = root_of(place);
  for (const char* kind : kinds) {
    INFO(kind);
    put(kind, place.tree("etc/thing"));
    const auto found = kernel::open_regular_in_tree(root.get(), "etc/thing");
    CHECK(found.found == Outcome::not_regular);
    CHECK_FALSE(found.descriptor);
    CHECK(kernel::find_in_tree(root.get(), "etc/thing"));
    fs::remove(place.tree("etc/thing.device"));
  }
}

TEST_CASE("whoever holds a lease on a file holds nobody up") {
  const Place place;
  Place::write(place.tree("etc/file"), "inside");
  const auto root = root_of(place);
  {
    const Lease lease(place.tree("etc/file"));
    const auto error = error_of([&] { kernel::open_regular_in_tree(root.get(), "etc/file"); });
    REQUIRE(error);
    CHECK(std::string(error->what()).find("holds a lease") != std::string::npos);
    CHECK_FALSE(error->hint().empty());
  }
  CHECK(kernel::open_regular_in_tree(root.get(), "etc/file").found == Outcome::file);
}

TEST_CASE("a file that is replaced all the time: nothing but a regular file of the tree is opened") {
  const Place place;
  const auto root = root_of(place);
  Place::write(place.path("secret"), "outside");
  fs::create_directory(place.tree("spare"));
  Place::write(place.tree("spare/file"), "inside");
  put("FIFO", place.tree("spare/fifo"));
  put("device", place.tree("spare/device"));
  fs::create_symlink(place.path("secret"), place.tree("spare/link"));
  tests::copy_file(place.tree("spare/file"), place.tree("etc/file"));
  std::atomic<bool> over{false};
  std::thread swapper([&] {
    const char* const others[] = {"fifo", "device", "link", "file"};
    for (unsigned i = 0; !over; ++i)
      // RENAME_EXCHANGE: the name is there at every moment.
      ::renameat2(root.get(), "etc/file", root.get(), base::concat("spare/", others[i % 4]).c_str(), RENAME_EXCHANGE);
  });
  unsigned files = 0, others = 0, wrong = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while ((files < 500 || others < 500) && std::chrono::steady_clock::now() < end) {
    const auto file = kernel::open_regular_in_tree(root.get(), "etc/file");
    if (file.found != Outcome::file)
      ++others;
    else
      content_of(file) == "inside" ? ++files : ++wrong;
  }
  over = true;
  swapper.join();
  CHECK(wrong == 0);
  CHECK(files >= 500);
  CHECK(others >= 500);
}

TEST_CASE("a folder on the way that is renamed all the time ends nobody's wait") {
  const Place place;
  const auto root = root_of(place);
  fs::create_directories(place.tree("a/b"));
  Place::write(place.tree("file"), "inside");
  std::atomic<bool> over{false};
  std::thread renamer([&] {
    while (!over) {
      ::renameat(root.get(), "a", root.get(), "c");
      ::renameat(root.get(), "c", root.get(), "a");
    }
  });
  for (int i = 0; i < 2000; ++i) {
    try {
      const auto file = kernel::open_regular_in_tree(root.get(), "a/b/../../file");
      if (file.found == Outcome::file && content_of(file) != "inside") FAIL("another file");
    } catch (const base::SystemError& error) {
      if (error.error_number() != EAGAIN) FAIL(error.what());
    }
  }
  over = true;
  renamer.join();
}

// Each user of it.

TEST_CASE("the users of a tree: its passwd and group files") {
  const Place place;
  const auto root = root_of(place);
  const auto known = [&] {
    try {
      return launch::tree_user(root.get(), "ann").uid == 1000;
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::no_such_user) throw;
      return false;
    }
  };
  Place::write(place.tree("etc/passwd"), "ann:x:1000:1000::/home/ann:/bin/sh\n");
  CHECK(known());
  {
    const Lease lease(place.tree("etc/passwd"));
    CHECK(error_of([&] { known(); }));
  }
  for (const char* kind : kinds) {
    INFO(kind);
    put(kind, place.tree("etc/group"));
    CHECK(known());
    put(kind, place.tree("etc/passwd"));
    CHECK_FALSE(known());
    fs::remove_all(place.tree("etc/group"));
    for (const char* name : {"etc/group.device", "etc/passwd.device"}) fs::remove(place.tree(name));
    fs::remove_all(place.tree("etc/passwd"));
    Place::write(place.tree("etc/passwd"), "ann:x:1000:1000::/home/ann:/bin/sh\n");
  }
  // Out of the tree, as well.
  Place::write(place.path("passwd"), "eve:x:0:0::/:/bin/sh\n");
  fs::remove(place.tree("etc/passwd"));
  fs::create_symlink(place.path("passwd"), place.tree("etc/passwd"));
  CHECK_FALSE(known());
  CHECK(error_of([&] { launch::tree_user(root.get(), "eve"); }));
}

TEST_CASE("a tree's shell, by which its machine is known") {
  const Place place;
  const auto root = root_of(place);
  fs::create_directories(place.tree("bin"));
  for (const char* kind : kinds) {
    INFO(kind);
    put(kind, place.tree("bin/sh"));
    const auto found = look_for_foreign_programs(root.get(), place.path("none"));
    CHECK(found.notes.empty());
    CHECK(found.interpreters.empty());
    fs::remove(place.tree("bin/sh.device"));
  }
  fs::remove_all(place.tree("bin/sh"));
  Place::write(place.tree("bin/sh"), "#!");
  const Lease lease(place.tree("bin/sh"));
  CHECK(error_of([&] { look_for_foreign_programs(root.get(), place.path("none")); }));
}

TEST_CASE("files that are merged with the host's") {
  const Place place;
  const auto root = root_of(place);
  Place::write(place.tree("etc/file"), "inside");
  {
    const Lease lease(place.tree("etc/file"));
    CHECK(error_of([&] { static_cast<void>(TreeAccess(root.get()).read("etc/file")); }));
  }
  CHECK(TreeAccess(root.get()).read("etc/file").content == "inside");
  for (const char* kind : {"folder", "FIFO", "socket", "device"}) {
    INFO(kind);
    put(kind, place.tree("etc/file"));
    CHECK(TreeAccess(root.get()).read("etc/file").found == tree::Found::not_a_file);
  }
}

TEST_CASE("the host's files are looked at before they are opened, too") {
  const Place place;
  auto request = place.request();
  request.copyfiles = {as_is("/etc/copied")};
  for (const char* kind : {"folder", "FIFO", "socket", "device"}) {
    INFO(kind);
    put(kind, place.host("etc/copied"));
    CHECK_THROWS_WITH(place.run(request), Catch::Contains("etc/copied"));
  }
  fs::remove_all(place.host("etc/copied"));
  Place::write(place.host("etc/copied"), "copied");
  const Lease lease(place.host("etc/copied"));
  CHECK(mentions(place.run(request), "holds a lease"));
}

TEST_CASE("a tree that is packed") {
  const Place place;
  const auto root = root_of(place);
  Place::write(place.tree("etc/file"), "inside");
  const base::UniqueFd out(
      base::check(::open(place.path("out.tar").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "making the archive"));
  const Lease lease(place.tree("etc/file"));
  const auto error = error_of([&] { archive::pack(root.get(), out.get(), archive::Compression::none, {}); });
  REQUIRE(error);
  CHECK(std::string(error->what()).find("holds a lease") != std::string::npos);
}
