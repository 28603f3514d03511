#include "tree/host_files.h"

#include <sys/stat.h>

#include <atomic>
#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "temporary_folder.h"
#include "tree/user.h"

using namespace unionroot::tree;

namespace {

void write(const std::string& path, const std::string& content) { std::ofstream(path) << content; }

void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(150)); }

}  // namespace

TEST_CASE("a file of the host is read once as long as it stays the same") {
  const unionroot::tests::TemporaryFolder folder;
  HostFiles files;
  std::string why;
  write(folder / "passwd", "a:x:1:1:::\n");
  REQUIRE(::chmod((folder / "passwd").c_str(), 0640) == 0);
  settle();
  const auto first = files.read(folder / "passwd", why);
  REQUIRE(first);
  CHECK(first->content == "a:x:1:1:::\n");
  CHECK(first->mode == 0640u);
  CHECK(files.read(folder / "passwd", why) == first);
  CHECK(files.reads() == 1);
  const auto table = files.table(Database::passwd, folder / "passwd", first);
  CHECK(files.table(Database::passwd, folder / "passwd", first) == table);

  write(folder / "passwd", "b:x:1:1:::\n");  // the same size, the same inode
  const auto second = files.read(folder / "passwd", why);
  REQUIRE(second);
  CHECK(second->content == "b:x:1:1:::\n");
  CHECK(files.table(Database::passwd, folder / "passwd", second)->by_name("b") != nullptr);

  write(folder / "new", "c:x:1:1:::\n");
  boost::filesystem::rename(folder / "new", folder / "passwd");
  CHECK(files.read(folder / "passwd", why)->content == "c:x:1:1:::\n");
}

TEST_CASE("what was read of a file that changed just then is not kept, however late it is parsed") {
  HostFiles files;
  FileVersion version;
  version.changed = 1;  // long ago by now
  // Two contents within one tick of the kernel's clock.
  const auto early = std::make_shared<const HostFile>(HostFile{version, 0644, 0, 0, "a:x:1:1:::\n", false});
  const auto late = std::make_shared<const HostFile>(HostFile{version, 0644, 0, 0, "b:x:1:1:::\n", true});
  CHECK(files.table(Database::passwd, "passwd", early)->by_name("a") != nullptr);
  CHECK(files.table(Database::passwd, "passwd", late)->by_name("b") != nullptr);
}

TEST_CASE("a file that changed just now is not kept") {
  const unionroot::tests::TemporaryFolder folder;
  HostFiles files;
  std::string why;
  for (char c = 'a'; c <= 'z'; ++c) {
    write(folder / "file", std::string(1, c));
    CHECK(files.read(folder / "file", why)->content == std::string(1, c));
  }
}

TEST_CASE("what is no readable regular file says why") {
  const unionroot::tests::TemporaryFolder folder;
  HostFiles files;
  std::string why;
  CHECK_FALSE(files.read(folder / "none", why));
  CHECK(why == "the host has no such file");
  CHECK_FALSE(files.read(folder / "none/below", why));
  CHECK(why == "the host has no such file");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(files.read(folder / "fifo", why));
  CHECK(why == "on the host it is not a regular file, but a FIFO");
  CHECK_FALSE(files.read(folder / "", why));
  CHECK_FALSE(files.read("/dev/null", why));
  CHECK(why == "on the host it is not a regular file, but a character device");
  write(folder / "huge", "");
  boost::filesystem::resize_file(folder / "huge", largest_file + 1);
  CHECK_FALSE(files.read(folder / "huge", why));
  CHECK(why == "on the host it is larger than 16 MiB");
  boost::filesystem::resize_file(folder / "huge", largest_file);
  REQUIRE(files.read(folder / "huge", why));
  boost::filesystem::create_symlink("loop", folder / "loop");
  CHECK_FALSE(files.read(folder / "loop", why));
  CHECK(why.find("Too many levels") != std::string::npos);
}

TEST_CASE("many threads read while the file changes") {
  const unionroot::tests::TemporaryFolder folder;
  HostFiles files;
  write(folder / "passwd", "a:x:1:1:::\n");
  std::atomic<bool> stop = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      std::string why;
      while (!stop) {
        const auto file = files.read(folder / "passwd", why);
        if (!file || files.table(Database::passwd, folder / "passwd", file)->lines().size() != 1) ++failures;
      }
    });
  for (int i = 0; i < 200; ++i) {
    write(folder / "new", "user" + std::to_string(i) + ":x:1:1:::\n");
    boost::filesystem::rename(folder / "new", folder / "passwd");
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
}

TEST_CASE("root is found, and nobody where there is none") {
  const auto root = find_user(0);
  REQUIRE(root);
  CHECK(root->name == "root");
  CHECK(root->uid == 0);
  CHECK(root->group == "root");
  CHECK_FALSE(root->home.empty());
  CHECK_FALSE(find_user(4000000001));
}
