#include "store/room.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::store {

namespace {

// A little more than the log's size when SQLite writes it back (1000 pages, wal_autocheckpoint).
constexpr off_t log_size = off_t{6} << 20;
// A session needs one or two pages of the file. If fewer pages than this are free, new free pages are made.
constexpr std::uint64_t least_free_pages = 128;
constexpr const char* make_pages = "INSERT INTO room VALUES (zeroblob(1048576))";
// With less free space than this on the disk, no free pages are made.
constexpr std::uint64_t least_space = std::uint64_t{4} << 20;

// FALLOC_FL_KEEP_SIZE: the file size that SQLite sees does not change.
void reserve_log(const Database& database) {
  const auto name = database.file() + "-wal";
  const base::UniqueFd log(base::check(::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW), "opening", name));
  base::fault_point("store_reserve_log");
  base::check(::fallocate(log.get(), FALLOC_FL_KEEP_SIZE, 0, log_size), "reserving room for", name);
  base::fault_point("store_log_reserved");
}

// Reserves blocks for the index of the log, which SQLite maps. If a block is smaller than a page, SQLite allocates only
// one block of a new page. On a full disk a write to the rest of the page ends the process with SIGBUS. SQLite
// truncates the file when it opens it, so the reservation goes beyond the file's size. The descriptor stays open as
// long as the connection. Closing it would drop the locks that SQLite holds on the file (POSIX record locks, fcntl(2)).
void reserve_index(Database& database) {
  constexpr off_t size = 128 << 10;
  const auto name = database.file() + "-shm";
  base::UniqueFd index(::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!index && errno == ENOENT) return;  // exclusive mode has no such file
  base::check(index.get(), "opening", name);
  base::fault_point("store_reserve_index");
  const int result = ::fallocate(index.get(), FALLOC_FL_KEEP_SIZE, 0, size);
  const int problem = errno;
  database.keep_open(std::move(index));
  if (result != 0) throw base::SystemError(problem, "reserving room for " + name);
  base::fault_point("store_index_reserved");
}

// Creates a table and drops it, which leaves free pages. This takes two commits: SQLite need not write pages that one
// commit both allocates and frees. If the daemon dies in between, the next call drops the table.
bool make_free_pages(Database& database) {
  const auto pages = base::parse_unsigned(database.pragma("PRAGMA freelist_count"));
  if (!pages || *pages >= least_free_pages || !has_space(database.file(), least_space)) return false;
  {
    Transaction transaction(database, false);
    database.execute("CREATE TABLE IF NOT EXISTS room (bytes BLOB)", "reserving room in");
    database.execute(make_pages, "reserving room in");
    transaction.commit();
  }
  Transaction transaction(database, false);
  database.execute("DROP TABLE room", "reserving room in");
  transaction.commit();
  return true;
}

// Writes the log back, so that the free pages are in the file too. If a reader in another process prevents it, SQLite
// does it later.
void write_back(Database& database, int how) {
  base::fault_point("store_checkpoint");
  const int result = sqlite3_wal_checkpoint_v2(database.handle(), nullptr, how, nullptr, nullptr);
  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) database.fail(result, "emptying the log of");
  base::fault_point("store_checkpointed");
}

// Does not wait for another process that uses the database: the next call tries again.
class NoWaiting {
 public:
  explicit NoWaiting(Database& database) : database_(database), former_(database.busy_timeout()) {
    database_.set_busy_timeout(std::chrono::milliseconds(0));
  }
  NoWaiting(const NoWaiting&) = delete;
  NoWaiting& operator=(const NoWaiting&) = delete;
  ~NoWaiting() { database_.set_busy_timeout(former_); }

 private:
  Database& database_;
  const std::chrono::milliseconds former_;
};

template <typename Step>
void attempt(const Step& step) {
  try {
    step();
  } catch (const std::exception& error) {
    base::log::info(base::concat(error.what(), "; on a full disk sessions may need --force to be ended"));
  }
}

}  // namespace

bool has_space(const std::string& file, std::uint64_t least) {
  struct statvfs facts {};
  return ::statvfs(file.c_str(), &facts) == 0 && std::uint64_t{facts.f_bavail} * facts.f_frsize >= least;
}

bool is_copy_on_write(const std::string& folder) {
  constexpr unsigned zfs_magic = 0x2fc12fc1;
  constexpr unsigned bcachefs_magic = 0xca451a4e;
  struct statfs facts {};
  base::check(::statfs(folder.c_str(), &facts), "looking at the file system of", folder);
  const auto type = static_cast<unsigned>(facts.f_type);
  return type == BTRFS_SUPER_MAGIC || type == zfs_magic || type == bcachefs_magic;
}

void create_in_place(const std::string& file) {
  base::fault_point("store_create");
  const base::UniqueFd made(
      base::check(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "creating", file));
  // ioctl_iflags(2): the flag can be set only while the file is empty. Other file systems refuse it and do not need it.
  int flags = 0;
  if (::ioctl(made.get(), FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_NOCOW_FL;
    static_cast<void>(::ioctl(made.get(), FS_IOC_SETFLAGS, &flags));
  }
  base::fault_point("store_created");
}

void reserve_room(Database& database) {
  int keep = 1;
  sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  const NoWaiting now(database);
  attempt([&] {
    static_cast<void>(database.pragma("PRAGMA user_version"));  // the first read of a new database creates the log
    reserve_index(database);
    reserve_log(database);
    const bool made = make_free_pages(database);
    // A daemon that died may have left pages in the log. They must be written to the file too.
    write_back(database, made ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
    if (made) reserve_log(database);
  });
}

void reserve_pages_again(Database& database) {
  const NoWaiting now(database);
  attempt([&] {
    if (make_free_pages(database)) write_back(database, SQLITE_CHECKPOINT_PASSIVE);
  });
}

void empty_log(Database& database) {
  const NoWaiting now(database);
  // With little space left, the log keeps its blocks. If they were released, another process could take them.
  if (!has_space(database.file(), 2 * log_size)) {
    write_back(database, SQLITE_CHECKPOINT_PASSIVE);
    return;
  }
  write_back(database, SQLITE_CHECKPOINT_TRUNCATE);
  attempt([&] { reserve_log(database); });
}

}  // namespace unionroot::store
