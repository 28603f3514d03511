#include "store/room.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include <filesystem>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::store {

namespace {

// Somewhat more than the log grows to until SQLite writes it back (1000 pages, wal_autocheckpoint).
constexpr off_t log_size = off_t{6} << 20;
// A session takes one or two pages of the file; so many must be free, and so many are made if they are not.
constexpr std::uint64_t least_free_pages = 128;
constexpr const char* make_pages = "INSERT INTO room VALUES (zeroblob(1048576))";
// A disk with less than that has better use for it.
constexpr std::uint64_t least_space = std::uint64_t{4} << 20;

// FALLOC_FL_KEEP_SIZE: what SQLite sees of the file is as before.
void reserve_log(const Database& database) {
  const auto name = database.file() + "-wal";
  const base::UniqueFd log(base::check(::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW), "opening", name));
  base::fault_point("store_reserve_log");
  base::check(::fallocate(log.get(), FALLOC_FL_KEEP_SIZE, 0, log_size), "reserving room for", name);
  base::fault_point("store_log_reserved");
}

// The log's index is mapped, and what cannot be given room then ends the process by SIGBUS: SQLite makes sure of one
// block a page, and small file systems have smaller blocks. SQLite cuts it to nothing when it is opened, so somewhat
// more than it takes, which it finds free again then. By SQLite's own descriptor: closing another one would drop the
// locks that this process has on the file (fcntl(2)).
void reserve_index(const Database& database) {
  constexpr off_t size = 128 << 10;
  const auto name = std::filesystem::weakly_canonical(database.file() + "-shm");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;  // that of the listing itself, or of another thread
    if (std::filesystem::read_symlink(entry.path(), gone) != name) continue;
    const auto number = base::parse_unsigned(entry.path().filename().string());
    if (!number) continue;
    base::check(::fallocate(static_cast<int>(*number), FALLOC_FL_KEEP_SIZE, 0, size), "reserving room for",
                name.string());
    return;
  }
}

bool has_space(const std::string& file, std::uint64_t least) {
  struct statvfs facts {};
  return ::statvfs(file.c_str(), &facts) == 0 && std::uint64_t{facts.f_bavail} * facts.f_frsize >= least;
}

// Free pages, by making a table and taking it away again; two commits, since pages that one and the same makes and
// frees need not be written. The table of a daemon that died in between goes with the next.
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

// What is free must be in the file, not in the log alone. One that a reader elsewhere holds back is made up for by the
// next that SQLite makes by itself.
void write_back(Database& database, int how) {
  base::fault_point("store_checkpoint");
  const int result = sqlite3_wal_checkpoint_v2(database.handle(), nullptr, how, nullptr, nullptr);
  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) database.fail(result, "emptying the log of");
  base::fault_point("store_checkpointed");
}

// Nobody waits for another process that holds the database: there is a next time.
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

void create_in_place(const std::string& file) {
  base::fault_point("store_create");
  const base::UniqueFd made(
      base::check(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "creating", file));
  // ioctl_iflags(2): only while it is empty. Elsewhere it is refused, and not needed.
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
    static_cast<void>(database.pragma("PRAGMA user_version"));  // the first look at a new database makes the log
    reserve_index(database);
    reserve_log(database);
    const bool made = make_free_pages(database);
    // What a daemon that died left in the log: its pages are to be in the file too.
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
  // Where there is not much room left, the log keeps what it has: another would be faster to take it.
  if (!has_space(database.file(), 2 * log_size)) {
    write_back(database, SQLITE_CHECKPOINT_PASSIVE);
    return;
  }
  write_back(database, SQLITE_CHECKPOINT_TRUNCATE);
  attempt([&] { reserve_log(database); });
}

}  // namespace unionroot::store
