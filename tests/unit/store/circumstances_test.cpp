#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "store/sqlite.h"
#include "support.h"

using namespace store_test;

namespace {

constexpr std::chrono::milliseconds soon(200);

// Another process that holds the database in the way the SQL says, until this is destroyed.
class OtherProcess {
 public:
  OtherProcess(const std::string& file, const char* sql) {
    int ready[2];
    base::check(::pipe2(ready, O_CLOEXEC), "making a pipe");
    pid_ = base::check(::fork(), "forking");
    if (pid_ == 0) {
      sqlite3* database = nullptr;
      char answer = 'n';
      if (sqlite3_open(file.c_str(), &database) == SQLITE_OK &&
          sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK)
        answer = 'y';
      if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    char answer = 'n';
    if (::read(ready[0], &answer, 1) != 1) answer = 'n';
    ::close(ready[0]);
    ::close(ready[1]);
    works_ = answer == 'y';
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] bool works() const { return works_; }

 private:
  pid_t pid_ = -1;
  bool works_ = false;
};

}  // namespace

TEST_CASE("a database that another process holds: a write waits, then says so") {
  const Folder folder;
  { const Store store(folder.file()); }
  const OtherProcess other(folder.file(), "BEGIN IMMEDIATE");
  REQUIRE(other.works());
  Store store(folder.file(), soon);
  const auto start = std::chrono::steady_clock::now();
  const auto error = error_of([&] { store.add_session(session("a")); });
  CHECK(std::chrono::steady_clock::now() - start >= soon * 3 / 4);
  CHECK(error.code() == base::ErrorCode::failed);
  CHECK(contains(error.what(), folder.file()));
  CHECK(contains(error.what(), "locked by another process"));
  CHECK(contains(error.hint(), "fuser"));
  CHECK_THROWS_AS(store.update_session(session("a"), true), base::Error);
  CHECK(store.sessions().empty());  // reading goes on
  CHECK_NOTHROW(store.checkpoint());
}

TEST_CASE("a database that another process holds for itself cannot be opened, and is not damaged") {
  const Folder folder;
  { Store(folder.file()).add_session(session("a")); }
  {
    const OtherProcess other(folder.file(),
                             "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE sessions SET error=''");
    REQUIRE(other.works());
    const auto error = error_of([&] { const Store store(folder.file(), soon); });
    CHECK(error.code() == base::ErrorCode::failed);
    CHECK(contains(error.what(), folder.file()));
    CHECK(contains(error.what(), "locked by another process"));
  }
  const Store store(folder.file());
  CHECK_FALSE(store.set_aside());
  CHECK(store.session("a"));
}

TEST_CASE("a lock that is given up in time is waited for") {
  const Folder folder;
  Store store(folder.file());
  auto other = std::make_unique<OtherProcess>(folder.file(), "BEGIN IMMEDIATE");
  REQUIRE(other->works());
  std::thread later([&] {
    std::this_thread::sleep_for(soon);
    other.reset();
  });
  CHECK_NOTHROW(store.add_session(session("a")));
  later.join();
}

TEST_CASE("a folder in the file's place is an error, and stays") {
  const Folder folder;
  boost::filesystem::create_directory(folder.file());
  const auto error = error_of([&] { const Store store(folder.file()); });
  CHECK(contains(error.what(), folder.file()));
  CHECK(contains(error.what(), "not a regular file"));
  CHECK(boost::filesystem::is_directory(folder.file()));
}

TEST_CASE("a missing folder is an error") {
  const Folder folder;
  const auto error = error_of([&] { const Store store(folder.path() + "/not/there.db"); });
  CHECK(contains(error.what(), "not/there.db"));
  CHECK(contains(error.what(), "No such file or directory"));
}

TEST_CASE("a file system that cannot be written") {
  const Folder folder;
  const bool filled = GENERATE(false, true);
  with_tmpfs(folder.path(), "size=4m", [&] {
    if (filled) Store(folder.file()).add_session(session("a"));
    base::check(::mount(nullptr, folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), "remounting");
    const auto error = error_of([&] { const Store store(folder.file()); });
    CHECK(contains(error.what(), folder.file()));
    CHECK((contains(error.what(), "cannot be written") || contains(error.what(), "Read-only file system")));
  });
}

TEST_CASE("a full disk is no_space, and the store works again once there is room") {
  const Folder folder;
  with_tmpfs(folder.path(), "size=512k", [&] {
    Store store(folder.file());
    store.add_session(session("first"));
    const auto fill_up = [&] {
      std::ofstream filler(folder.path() + "/filler");
      filler << std::string(std::size_t{1} << 20, 'x') << std::flush;
    };
    fill_up();
    int written = 0;
    const auto error = error_of([&] {
      for (; written < 2000; ++written) store.add_session(session("s" + std::to_string(written)));
    });
    CHECK(error.code() == base::ErrorCode::no_space);
    CHECK(contains(error.what(), folder.file()));
    CHECK(contains(error.hint(), "free some space"));
    CHECK(store.sessions().size() == static_cast<std::size_t>(written) + 1);
    boost::filesystem::remove(folder.path() + "/filler");
    CHECK_NOTHROW(store.add_session(session("after")));
    CHECK(store.session("first"));
  });
}

TEST_CASE("a disk that is full from the start is no_space, and nothing is set aside") {
  const Folder folder;
  with_tmpfs(folder.path(), "size=64k", [&] {
    {
      std::ofstream filler(folder.path() + "/filler");
      filler << std::string(std::size_t{1} << 17, 'x') << std::flush;
    }
    const auto error = error_of([&] { const Store store(folder.file()); });
    CHECK(error.code() == base::ErrorCode::no_space);
    for (const auto& entry : boost::filesystem::directory_iterator(folder.path()))
      CHECK_FALSE(contains(entry.path().string(), "corrupt"));
    boost::filesystem::remove(folder.path() + "/filler");
    const Store store(folder.file());
    CHECK_FALSE(store.set_aside());
  });
}

TEST_CASE("on a full disk runs come and go, and sessions go") {
  const Folder folder;
  with_tmpfs(folder.path(), "size=16m", [&] {
    Store store(folder.file());
    std::vector<std::string> ids;
    for (int number = 0; number < 300; ++number) {
      ids.push_back("s" + std::to_string(number));
      auto record = session(ids.back());
      record.definition = std::string(3000, 'd');
      store.add_session(record);
    }
    {
      std::ofstream filler(folder.path() + "/filler");
      filler << std::string(std::size_t{17} << 20, 'x') << std::flush;
    }
    RunRecord run{"r", "s1", base::ProcessIdentity{1, 2, "boot-1"}, 1000, "alice", "make", "r", 1, "", 1000, "alice"};
    for (int number = 0; number < 2000; ++number) {
      store.add_run(run);
      store.remove_run("r");
    }
    for (const auto& id : ids) store.remove_session(id, true);
    CHECK(store.sessions().empty());
  });
}

TEST_CASE("the log keeps its room when the database is closed, and is no evidence when it is empty") {
  const Folder folder;
  const auto log = folder.file() + "-wal";
  struct stat status {};
  { Store(folder.file()).checkpoint(); }
  REQUIRE(::stat(log.c_str(), &status) == 0);
  CHECK(status.st_size == 0);
  if (status.st_blocks == 0) unionroot::tests::skip("this file system gives no room in advance");
  CHECK(status.st_blocks * 512 >= off_t{6} << 20);
  boost::filesystem::remove(folder.file());
  Store store(folder.file());
  CHECK_FALSE(store.set_aside());
  store.add_session(session("a"));
  CHECK(store.session("a"));
}
