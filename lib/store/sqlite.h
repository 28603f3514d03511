// A thin layer over SQLite's C interface: a connection, kept statements, transactions. Not thread-safe; Store is.
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

// What SQLite said. what() is "<doing> <file>: <SQLite's words>"; a full disk gives ErrorCode::no_space.
class DatabaseError : public base::Error {
 public:
  DatabaseError(sqlite3* connection, int result, std::string_view doing, const std::string& file);
  [[nodiscard]] int result() const noexcept { return result_; }  // the extended result code
  // The file's content is wrong, not the circumstances.
  [[nodiscard]] bool is_corruption() const noexcept;

 private:
  int result_;
};

class Database;
class Query;

// A prepared statement, kept for the life of the connection.
class Statement {
 public:
  Statement() = default;
  // Runs it with the values bound in order. Only one Query of a statement may live at a time.
  template <typename... Values>
  [[nodiscard]] Query with(const Values&... values);
  // Runs it to its end and drops what it returns.
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

// One execution of a statement; resets it at the end, so that it holds no lock and no caller's memory.
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
  void bind(int index, std::string_view value);  // not copied: it must outlive the query
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

// BEGIN IMMEDIATE always: a read that turns into a write fails at once with BUSY_SNAPSHOT, whatever the time-out.
// Rolled back by the destructor unless committed. `durable`: this commit reaches the disk (synchronous=FULL).
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

// A connection. The file must exist; it is never created here, so that its mode is right from the start.
class Database {
 public:
  // Throws DatabaseError; Error(failed) if the file can only be read.
  Database(const std::string& file, std::chrono::milliseconds busy_timeout);

  [[nodiscard]] Statement prepare(std::string_view sql);
  void execute(const char* sql, std::string_view doing = "changing");
  [[nodiscard]] std::string pragma(const std::string& sql);  // the first column of the first row
  [[nodiscard]] int changes() const { return sqlite3_changes(handle_.get()); }
  [[nodiscard]] const std::string& file() const { return *file_; }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  void set_busy_timeout(std::chrono::milliseconds timeout);
  [[nodiscard]] std::chrono::milliseconds busy_timeout() const { return busy_timeout_; }
  // Closes the descriptor only after the connection.
  void keep_open(base::UniqueFd descriptor) { kept_ = std::move(descriptor); }
  [[noreturn]] void fail(int result, std::string_view doing) const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<const std::string> file_;  // at a fixed address: statements point to it
  base::UniqueFd kept_;                      // before handle_, which is destroyed first
  std::unique_ptr<sqlite3, Close> handle_;
  std::chrono::milliseconds busy_timeout_{0};
};

}  // namespace unionroot::store
