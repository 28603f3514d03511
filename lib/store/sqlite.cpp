#include "store/sqlite.h"

#include <cerrno>
#include <cstring>

#include "base/fault_point.h"
#include "base/text.h"

namespace unionroot::store {

namespace {

int primary(int result) { return result & 0xff; }

bool disk_is_full(sqlite3* connection, int result) {
  if (primary(result) == SQLITE_FULL) return true;
  const int cause = connection != nullptr ? sqlite3_system_errno(connection) : 0;
  return (primary(result) == SQLITE_IOERR || primary(result) == SQLITE_CANTOPEN) &&
         (cause == ENOSPC || cause == EDQUOT);
}

std::string describe(sqlite3* connection, int result) {
  std::string text = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(result);
  const int cause = connection != nullptr ? sqlite3_system_errno(connection) : 0;
  // SQLite's own text does not say why the system call failed.
  if (cause != 0 && (primary(result) == SQLITE_IOERR || primary(result) == SQLITE_CANTOPEN)) {
    char buffer[128];
    text += base::concat(" (", std::string_view(strerror_r(cause, buffer, sizeof buffer)), ")");
  }
  if (primary(result) == SQLITE_FULL) text = base::concat("no space is left (", text, ")");
  if (primary(result) == SQLITE_BUSY) text += " by another process";
  return text;
}

std::string hint_for(sqlite3* connection, int result, const std::string& file) {
  if (disk_is_full(connection, result)) return "free some space on the file system that holds " + file;
  switch (primary(result)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return base::concat("see who has it open with `fuser -v ", file,
                          "`; only one unionrootd may use a state directory");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "restart unionrootd: it sets the damaged file aside and rebuilds from what is on disk";
    case SQLITE_READONLY: return base::concat("make the file system and folder of ", file, " writable");
    default: return {};
  }
}

}  // namespace

DatabaseError::DatabaseError(sqlite3* connection, int result, std::string_view doing, const std::string& file)
    : Error(disk_is_full(connection, result) ? base::ErrorCode::no_space : base::ErrorCode::failed,
            base::concat(doing, " ", file, ": ", describe(connection, result)), hint_for(connection, result, file)),
      result_(result) {}

bool DatabaseError::is_corruption() const noexcept {
  return primary(result_) == SQLITE_CORRUPT || primary(result_) == SQLITE_NOTADB;
}

Query::~Query() {
  // sqlite3_reset returns the error of the last step again. It was thrown already.
  sqlite3_reset(statement_.handle_.get());
  sqlite3_clear_bindings(statement_.handle_.get());
}

void Query::fail(int result, std::string_view doing) const {
  throw DatabaseError(sqlite3_db_handle(statement_.handle_.get()), result, doing, *statement_.file_);
}

void Query::bind(int index, std::string_view value) {
  // A null pointer would bind NULL instead of an empty text.
  const char* const data = value.data() != nullptr ? value.data() : "";
  const int result =
      sqlite3_bind_text64(statement_.handle_.get(), index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (result != SQLITE_OK) fail(result, "binding a value for");
}

void Query::bind(int index, std::int64_t value) {
  const int result = sqlite3_bind_int64(statement_.handle_.get(), index, value);
  if (result != SQLITE_OK) fail(result, "binding a value for");
}

bool Query::next() {
  const int result = sqlite3_step(statement_.handle_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  fail(result, sqlite3_stmt_readonly(statement_.handle_.get()) != 0 ? "reading" : "writing");
}

std::string Query::text(int column) const {
  const auto* const data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.handle_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.handle_.get(), column))};
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_.handle_.get(), column); }

Database::Database(const std::string& file, std::chrono::milliseconds busy_timeout)
    : file_(std::make_unique<const std::string>(file)) {
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(connection);
  if (result != SQLITE_OK) fail(result, "opening");
  sqlite3_extended_result_codes(connection, 1);
  set_busy_timeout(busy_timeout);
  // SQLite opens the file read-only if it cannot write to it.
  if (sqlite3_db_readonly(connection, "main") != 0)
    throw base::Error(base::ErrorCode::failed, base::concat("opening ", file, ": it cannot be written"),
                      "make the file, its folder and their file system writable");
}

void Database::set_busy_timeout(std::chrono::milliseconds timeout) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(timeout.count()));
  busy_timeout_ = timeout;
}

Statement Database::prepare(std::string_view sql) {
  Statement statement;
  sqlite3_stmt* handle = nullptr;
  const int result = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (result != SQLITE_OK) fail(result, "preparing a statement for");
  statement.handle_.reset(handle);
  statement.file_ = file_.get();
  return statement;
}

void Database::execute(const char* sql, std::string_view doing) {
  const int result = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(result, doing);
}

std::string Database::pragma(const std::string& sql) {
  Statement statement = prepare(sql);
  Query query(statement);
  return query.next() ? query.text(0) : std::string();
}

void Database::fail(int result, std::string_view doing) const {
  throw DatabaseError(handle_.get(), result, doing, *file_);
}

Transaction::Transaction(Database& database, bool durable) : database_(database), durable_(durable) {
  // PRAGMA synchronous has no effect inside a transaction, so it is set before. ~Transaction resets it.
  if (durable_) database_.execute("PRAGMA synchronous=FULL", "preparing a durable commit to");
  try {
    database_.execute("BEGIN IMMEDIATE", "locking");
  } catch (const base::Error&) {
    if (durable_) sqlite3_exec(database_.handle(), "PRAGMA synchronous=NORMAL", nullptr, nullptr, nullptr);
    throw;
  }
  open_ = true;
}

void Transaction::commit() {
  base::fault_point("store_commit");
  database_.execute("COMMIT", "writing");
  open_ = false;
  base::fault_point("store_committed");
}

Transaction::~Transaction() {
  // Errors are ignored. After some errors SQLite has already rolled back by itself. If synchronous stays FULL, commits
  // are only slower.
  if (open_ && sqlite3_get_autocommit(database_.handle()) == 0)
    sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  if (durable_) sqlite3_exec(database_.handle(), "PRAGMA synchronous=NORMAL", nullptr, nullptr, nullptr);
}

}  // namespace unionroot::store
