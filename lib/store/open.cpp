#include "store/open.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/text.h"
#include "base/time_text.h"
#include "base/unique_fd.h"
#include "store/room.h"
#include "store/schema.h"

namespace unionroot::store {

namespace {

// The content of the database is damaged. open_database then sets the file aside.
class Damaged : public base::Error {
 public:
  Damaged(const std::string& file, std::string_view what)
      : Error(base::ErrorCode::failed, base::concat("checking ", file, ": ", what)) {}
};

std::string folder_of(const std::string& file) {
  const auto folder = boost::filesystem::path(file).parent_path();
  return folder.empty() ? "." : folder.string();
}

void sync_folder(const std::string& file) {
  const std::string folder = folder_of(file);
  const base::UniqueFd handle(
      base::check(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", folder));
  base::fault_point("sync_directory");
  base::check(::fsync(handle.get()), "syncing", folder);
}

std::optional<struct stat> status_of(const std::string& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) == 0) return status;
  if (errno != ENOENT) base::throw_errno("looking at", file);
  return std::nullopt;
}

// Creates the file if it is missing, with mode 0600 from the start. SQLite gives its -wal and -shm files the same mode.
// An existing file is not opened here: closing its descriptor would drop the locks of another connection in this
// process (POSIX record locks, fcntl(2)).
void prepare_file(const std::string& file) {
  const auto status = status_of(file);
  const auto log = status_of(file + "-wal");
  // SQLite takes an empty file for a new database and deletes the log beside it.
  if (log && log->st_size > 0 && (!status || status->st_size == 0))
    throw Damaged(file, "the database is missing or empty, but its write-ahead log is not");
  if (status) {
    if (!S_ISREG(status->st_mode))
      throw base::Error(base::ErrorCode::failed, base::concat("opening ", file, ": it is not a regular file"),
                        "move it away: the daemon's database is kept there");
    if ((status->st_mode & 07777) != 0600) base::check(::chmod(file.c_str(), 0600), "changing the mode of", file);
  } else {
    create_in_place(file);
  }
  if (!log) create_in_place(file + "-wal");
  if (!is_copy_on_write(folder_of(file)) && !status_of(file + "-shm")) create_in_place(file + "-shm");
}

void check_content(Database& database) {
  auto statement = database.prepare("PRAGMA quick_check(1)");
  Query query(statement);
  if (query.next() && query.text(0) != "ok") throw Damaged(database.file(), base::printable(query.text(0)));
}

Database open_and_check(const std::string& file, std::chrono::milliseconds busy_timeout) {
  prepare_file(file);
  Database database(file, busy_timeout);
  // Before the check, closing must not write the log into the file: a damaged database is kept unchanged for
  // inspection.
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  try {
    // In exclusive mode SQLite keeps the index of the log in its own memory. Otherwise it maps the -shm file.
    // On copy-on-write file systems no space can be reserved for that file (docs/recovery.md).
    if (is_copy_on_write(folder_of(file))) {
      static_cast<void>(database.pragma("PRAGMA locking_mode=EXCLUSIVE"));
      database.execute("PRAGMA user_version", "opening");  // the first read takes the lock
    }
    // Full secure_delete overwrites deleted data with zeros, at the cost of one write per freed page. Only root can
    // read the file.
    static_cast<void>(database.pragma("PRAGMA secure_delete=FAST"));
    check_content(database);
    database.execute("PRAGMA foreign_keys=ON", "opening");
    migrate(database, migrations());
    const std::string mode = database.pragma("PRAGMA journal_mode=WAL");
    if (mode != "wal")
      throw base::Error(
          base::ErrorCode::not_supported,
          base::concat("opening ", file, ": the file system does not support write-ahead logging (SQLite offers '",
                       mode, "')"),
          "keep the state directory on a local file system");
    database.execute("PRAGMA synchronous=NORMAL", "opening");
  } catch (const DatabaseError& error) {
    if (error.is_corruption()) throw Damaged(file, error.what());
    throw;
  }
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return database;
}

void move_without_replacing(const std::string& from, const std::string& to) {
  base::fault_point("store_set_aside");
  const int error = base::rename_without_replacing(AT_FDCWD, from, AT_FDCWD, to);
  if (error != 0 && error != ENOENT) throw base::SystemError(error, base::concat("setting aside ", from));
  base::fault_point("store_was_set_aside");
}

// Moves the log first and the database last. A crash in between leaves a database that is still damaged. It never
// leaves the log alone: SQLite would delete it beside a new database.
std::string set_aside(const std::string& file) {
  static constexpr std::array suffixes = {"-wal", "-shm", "-journal", ""};
  const std::string wanted = base::concat(file, ".corrupt-", base::time_stamp(base::now_microseconds()));
  std::string name = wanted;
  const auto taken = [&name] {
    for (const char* suffix : suffixes)
      if (status_of(name + suffix)) return true;
    return false;
  };
  for (unsigned number = 2; taken(); ++number) name = base::concat(wanted, ".", number);
  for (const char* suffix : suffixes) move_without_replacing(file + suffix, name + suffix);
  sync_folder(file);
  return name;
}

}  // namespace

Opened open_database(const std::string& file, std::chrono::milliseconds busy_timeout) {
  std::optional<std::string> damaged;
  while (true) {
    try {
      Opened opened{open_and_check(file, busy_timeout), damaged};
      // Syncs the folder entry of the log. A durable commit syncs only the content of the log.
      sync_folder(file);
      reserve_room(opened.database);
      return opened;
    } catch (const Damaged&) {
      if (damaged) throw;  // a new file that is damaged at once means a faulty disk
      damaged = set_aside(file);
    }
  }
}

}  // namespace unionroot::store
