// A thin layer over SQLite's C interface: a connection, prepared statements, transactions. Not thread-safe; Store is.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace unionroot::store {

// An error that SQLite reported. what() is "<doing> <file>: <SQLite's text>". A full disk gives ErrorCode::no_space.
class DatabaseError : public base::Error {
 public:
  DatabaseError(sqlite3* connection, int result, std::string_view doing, const std::string& file);
  [[nodiscard]] int result() const noexcept { return result_; }  // the extended result code
  // True if the content of the file is wrong; false for errors of the environment.
  [[nodiscard]] bool is_corruption() const noexcept;

 private:
  int result_;
};

class Database;
class Query;

// A prepared statement, kept as long as the connection.
class Statement {
 public:
  Statement() = default;
  // Starts an execution with the values bound in order. A statement can have only one Query at a time.
  template <typename... Values>
  [[nodiscard]] Query with(const Values&... values);
  // Runs the statement to its end and ignores its rows.
  template <typename... Values>
  void run(const Values&... values);

 private:
  friend class Database;
  friend class Query;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  const std::string* file_ = nullptr;
};

// One execution of a statement. The destructor resets the statement, so it keeps no lock and no reference to the
// caller's memory.
class Query {
 public:
  template <typename... Values>
  explicit Query(Statement& statement, const Values&... values) : statement_(statement) {
    int index = 0;
    (bind(++index, values), ...);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  [[nodiscard]] bool next();  // false: no more rows
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;

 private:
  void bind(int index, std::string_view value);  // not copied: the value must outlive the query
  void bind(int index, std::int64_t value);
  [[noreturn]] void fail(int result, std::string_view doing) const;
  Statement& statement_;
};

template <typename... Values>
Query Statement::with(const Values&... values) {
  return Query(*this, values...);
}

template <typename... Values>
void Statement::run(const Values&... values) {
  Query query(*this, values...);
  while (query.next()) continue;
}

// Always starts with BEGIN IMMEDIATE. A read transaction that begins to write can fail at once with BUSY_SNAPSHOT,
// whatever the time-out. The destructor rolls back unless commit() was called. durable: this commit reaches the disk
// (synchronous=FULL).
class Transaction {
 public:
  Transaction(Database& database, bool durable);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool durable_;
  bool open_ = false;
};

// A connection. The file must exist: other code creates it with the right mode.
class Database {
 public:
  // Throws DatabaseError, or Error(failed) if the file is read-only.
  Database(const std::string& file, std::chrono::milliseconds busy_timeout);

  [[nodiscard]] Statement prepare(std::string_view sql);
  void execute(const char* sql, std::string_view doing = "changing");
  [[nodiscard]] std::string pragma(const std::string& sql);  // returns the first column of the first row
  [[nodiscard]] int changes() const { return sqlite3_changes(handle_.get()); }
  [[nodiscard]] const std::string& file() const { return *file_; }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  void set_busy_timeout(std::chrono::milliseconds timeout);
  [[nodiscard]] std::chrono::milliseconds busy_timeout() const { return busy_timeout_; }
  // Keeps the descriptor open until the connection is closed.
  void keep_open(base::UniqueFd descriptor) { kept_ = std::move(descriptor); }
  [[noreturn]] void fail(int result, std::string_view doing) const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<const std::string> file_;  // on the heap: statements keep a pointer to it
  base::UniqueFd kept_;                      // declared before handle_, so that it is destroyed after it
  std::unique_ptr<sqlite3, Close> handle_;
  std::chrono::milliseconds busy_timeout_{0};
};

}  // namespace unionroot::store
