// A user added to the accounts of a tree whose users change them as well.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/text.h"
#include "kernel/files.h"
#include "tree/files.h"

using namespace unionroot;
using namespace unionroot::tree;
using base::UniqueFd;

namespace {

constexpr std::string_view old_passwd = "root:x:0:0:root:/root:/bin/sh\n";

struct Tree {
  std::string name = base::concat("unionroot-accounts-", base::random_token());
  UniqueFd parent = kernel::open_directory("/tmp");
  UniqueFd root;
  User user;
  Tree() {
    kernel::make_directory(parent.get(), name, 0755);
    root = kernel::open_directory_at(parent.get(), name);
    kernel::make_directory(root.get(), "etc", 0755);
    write("passwd", old_passwd);
    write("group", "root:x:0:\n");
    user.name = user.group = "unionroot-lena";
    user.uid = user.gid = 61236;
    user.home = "/";
    user.shell = "/bin/sh";
  }
  ~Tree() { CHECK(kernel::remove_tree(parent.get(), name)); }
  [[nodiscard]] std::string path(const std::string& file) const { return base::concat("/tmp/", name, "/etc/", file); }
  [[nodiscard]] std::string read(const std::string& file) const { return base::read_file(path(file)); }
  void write(const std::string& file, std::string_view content) const {
    kernel::write_in_tree(root.get(), "etc/" + file, content, 0644, ::getuid(), ::getgid());
  }
  [[nodiscard]] bool has_user() const { return read("passwd").find(user.name) != std::string::npos; }
  [[nodiscard]] UserAdded add(const std::function<void()>& before_writing = {}) const {
    return add_user(root.get(), user, {}, before_writing);
  }
  [[nodiscard]] std::size_t names() const {
    return kernel::list_directory(kernel::open_directory(path("")).get()).size();
  }
};

const WrittenFile* find(const UserAdded& added, const std::string& path) {
  for (const auto& file : added.written)
    if (file.path == path) return &file;
  return nullptr;
}

bool is_status_of(const struct stat& status, const std::string& path) {
  struct stat now {};
  return ::stat(path.c_str(), &now) == 0 && base::is_same_file(now, status) && now.st_size == status.st_size &&
         now.st_mtim.tv_nsec == status.st_mtim.tv_nsec && now.st_ctim.tv_nsec == status.st_ctim.tv_nsec;
}

}  // namespace

TEST_CASE("a user is added, and the files are told as they were written") {
  const Tree tree;
  const auto added = tree.add();
  CHECK_FALSE(added.is_locked);
  CHECK(tree.has_user());
  CHECK(tree.read("group").find("unionroot-lena:x:61236:") != std::string::npos);
  for (const char* name : {"passwd", "group", ".pwd.lock"}) {
    INFO(name);
    const auto* const file = find(added, base::concat("etc/", name));
    REQUIRE(file != nullptr);
    CHECK(is_status_of(file->status, tree.path(name)));
    CHECK(file->was_absent == (std::string_view(name) == ".pwd.lock"));
  }
  struct stat lock {};
  REQUIRE(::stat(tree.path(".pwd.lock").c_str(), &lock) == 0);
  CHECK((lock.st_mode & 07777u) == 0600);
  // Again: nothing is left to do, and the lock is free.
  const auto again = tree.add();
  CHECK_FALSE(again.is_locked);
  CHECK(again.written.empty());
}

TEST_CASE("nothing is added while another holds the accounts' lock") {
  const Tree tree;
  const UniqueFd lock(::open(tree.path(".pwd.lock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  // In this process, as another thread would.
  REQUIRE(base::try_lock(lock.get(), base::LockType::write, "the lock"));
  bool asked = false;
  const auto added = tree.add([&] { asked = true; });
  CHECK(added.is_locked);
  CHECK(added.written.empty());
  CHECK_FALSE(asked);
  CHECK(tree.read("passwd") == old_passwd);
  REQUIRE(base::try_lock(lock.get(), base::LockType::none, "the lock"));
  CHECK_FALSE(tree.add().is_locked);
  CHECK(tree.has_user());
}

TEST_CASE("the lock is held while the accounts are read and written") {
  const Tree tree;
  bool was_free = true;
  const auto added = tree.add([&] {
    const UniqueFd lock(::open(tree.path(".pwd.lock").c_str(), O_WRONLY | O_CLOEXEC));
    // A traditional lock, as lckpwdf(3) takes it.
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    was_free = ::fcntl(lock.get(), F_SETLK, &wanted) == 0;
  });
  CHECK_FALSE(was_free);
  CHECK(tree.has_user());
}

TEST_CASE("what was changed without the lock since it was read stays") {
  const Tree tree;
  const std::string changed = base::concat(old_passwd, "made:x:4711:4711::/:/bin/sh\n");
  UserAdded added;
  SECTION("another file has the name") {
    added = tree.add([&] { tree.write("passwd", changed); });
  }
  SECTION("it was written to") {
    added = tree.add([&] {
      const UniqueFd file(::open(tree.path("passwd").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
      base::write_all(file.get(), std::string_view(changed).substr(old_passwd.size()), "passwd");
    });
  }
  CHECK(tree.read("passwd") == changed);
  CHECK(find(added, "etc/passwd") == nullptr);
  CHECK(find(added, "etc/group") != nullptr);
  REQUIRE(added.notes.size() == 1);
  CHECK(added.notes[0] == "etc/passwd: skipped: somebody changed it meanwhile");
  CHECK(tree.names() == 3);  // no half-written file
  CHECK(tree.add().notes.empty());
  CHECK(tree.has_user());
}

TEST_CASE("files behind one that was changed are left alone") {
  const Tree tree;
  const auto added = tree.add([&] { tree.write("group", "root:x:0:\nmade:x:4711:\n"); });
  CHECK(tree.read("group") == "root:x:0:\nmade:x:4711:\n");
  CHECK(tree.read("passwd") == old_passwd);
  CHECK(added.notes.size() == 1);
}

TEST_CASE("no file that others put in the lock's place is opened") {
  const Tree tree;
  SECTION("a symlink") { REQUIRE(::symlink("/etc/victim", tree.path(".pwd.lock").c_str()) == 0); }
  SECTION("a FIFO") { REQUIRE(::mkfifo(tree.path(".pwd.lock").c_str(), 0600) == 0); }
  SECTION("a folder") { REQUIRE(::mkdir(tree.path(".pwd.lock").c_str(), 0700) == 0); }
  const auto added = tree.add();
  CHECK(added.written.empty());
  CHECK_FALSE(added.is_locked);
  CHECK(added.notes.size() == 1);
  CHECK(tree.read("passwd") == old_passwd);
}
