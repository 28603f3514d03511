#include "store/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "store/room.h"
#include "store/sqlite.h"

namespace unionroot::store {

namespace {

constexpr std::size_t longest_command = 1024;
constexpr unsigned most_runs = 100'000;
// So that nobody drives out what others have run.
constexpr unsigned most_of_a_user = 10'000;
// So many are looked through at once: whoever ends a run waits for it.
constexpr std::uint64_t rows_at_once = 4096;
constexpr unsigned prune_every = 256;
// On a disk with less, sessions have better use for it.
constexpr std::uint64_t least_space = std::uint64_t{16} << 20;
constexpr int application_id = 0x756e7268;  // "unrh"

constexpr std::array all_ends = {PastEnd::exited, PastEnd::killed, PastEnd::not_started, PastEnd::unknown,
                                 PastEnd::session_ended};

constexpr const char* schema = R"sql(
CREATE TABLE runs (
  number        INTEGER PRIMARY KEY,
  run           TEXT NOT NULL UNIQUE,
  session       TEXT NOT NULL,
  chroot        TEXT NOT NULL,
  source        INTEGER NOT NULL,
  owner         INTEGER NOT NULL,
  owner_name    TEXT NOT NULL,
  caller        INTEGER NOT NULL,
  caller_name   TEXT NOT NULL,
  uid           INTEGER NOT NULL,
  user          TEXT NOT NULL,
  command       TEXT NOT NULL,
  network       TEXT NOT NULL,
  since         INTEGER NOT NULL,
  until         INTEGER NOT NULL,
  how           TEXT NOT NULL CHECK (how IN ('exited', 'killed', 'not-started', 'unknown', 'session-ended')),
  value         INTEGER NOT NULL,
  out_of_memory INTEGER NOT NULL,
  timed_out     INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_caller ON runs (caller);
PRAGMA user_version=1;
)sql";

constexpr const char* columns =
    "run, session, chroot, source, owner, owner_name, caller, caller_name, uid, user, command, network, since, until, "
    "how, value, out_of_memory, timed_out, number";

// Other processes are kept out, so that the log's index needs no file, for which a full disk may have no room.
Database opened(const std::string& file) {
  // Before SQLite has it: closing a descriptor drops the locks of this process.
  const base::UniqueFd made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) base::throw_errno("creating", file);
  Database database(file, std::chrono::milliseconds(500));
  static_cast<void>(database.pragma("PRAGMA locking_mode=EXCLUSIVE"));
  static_cast<void>(database.pragma("PRAGMA auto_vacuum=INCREMENTAL"));  // counts for a new file
  static_cast<void>(database.pragma("PRAGMA secure_delete=FAST"));
  static_cast<void>(database.pragma("PRAGMA journal_mode=WAL"));
  database.execute("PRAGMA synchronous=NORMAL", "opening");
  const auto version = database.pragma("PRAGMA user_version");
  if (version == "0") {
    database.execute(
        base::concat("BEGIN IMMEDIATE;", schema, "PRAGMA application_id=", application_id, ";COMMIT").c_str(),
        "preparing");
  } else if (version != "1") {
    throw base::Error(base::ErrorCode::not_supported,
                      base::concat("opening ", file, ": it is of a newer unionrootd, with schema version ", version),
                      "move it away, or start that unionrootd");
  }
  return database;
}

PastRun read_past(const Query& row) {
  PastRun past;
  past.run.id = row.text(0);
  past.run.session = row.text(1);
  past.chroot = row.text(2);
  past.source = row.integer(3) != 0;
  past.owner = static_cast<uid_t>(row.integer(4));
  past.owner_name = row.text(5);
  past.run.caller = static_cast<uid_t>(row.integer(6));
  past.run.caller_name = row.text(7);
  past.run.uid = static_cast<uid_t>(row.integer(8));
  past.run.user = row.text(9);
  past.run.command = row.text(10);
  past.run.network = row.text(11);
  past.run.since = row.integer(12);
  past.until = row.integer(13);
  for (const auto end : all_ends)
    if (to_string(end) == row.text(14)) past.end = end;
  past.value = static_cast<int>(row.integer(15));
  past.out_of_memory = row.integer(16) != 0;
  past.timed_out = row.integer(17) != 0;
  past.number = static_cast<std::uint64_t>(row.integer(18));
  return past;
}

// At the end of a character.
std::string_view cut(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
  return text.substr(0, size);
}

struct Connection {
  Database database;
  Statement add_run, find_runs, find_one, newest, drop_old, drop_many, drop_of_user, shrink;
  unsigned added = 0;

  explicit Connection(Database given) : database(std::move(given)) {
    using base::concat;
    add_run = database.prepare(
        concat("INSERT OR IGNORE INTO runs (", columns, ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL)"));
    find_runs = database.prepare(
        concat("SELECT ", columns, " FROM runs WHERE number < ?1 AND number >= ?7 ",
               "AND (?2 = 1 OR (caller = ?3 AND caller_name = ?4) OR (owner = ?3 AND owner_name = ?4)) ",
               "AND (?5 = '' OR session = ?5 OR chroot = ?5) ORDER BY number DESC LIMIT ?6"));
    find_one = database.prepare(concat("SELECT ", columns, " FROM runs WHERE run = ?"));
    newest = database.prepare("SELECT coalesce(max(number), 0) FROM runs");
    drop_old = database.prepare(
        "DELETE FROM runs WHERE number < coalesce((SELECT number FROM runs WHERE until >= ? ORDER BY number LIMIT 1), "
        "9223372036854775807)");
    drop_many = database.prepare("DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?");
    drop_of_user = database.prepare(
        "DELETE FROM runs WHERE caller = ?1 AND number <= "
        "(SELECT number FROM runs WHERE caller = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)");
    shrink = database.prepare("PRAGMA incremental_vacuum");
  }

  void prune(std::chrono::hours age, uid_t user = 0) {
    drop_old.run(base::now_microseconds() - std::chrono::microseconds(age).count());
    drop_many.run(std::int64_t{most_runs});
    if (user != 0) drop_of_user.run(std::int64_t{user}, std::int64_t{most_of_a_user});
    shrink.run();
  }
};

void require_kept(const History& history) {
  if (!history.keeps())
    throw base::Error(base::ErrorCode::not_supported, "reading the history of commands: none is kept",
                      "an administrator may set history-days in unionroot.conf");
}

}  // namespace

std::string_view to_string(PastEnd end) {
  switch (end) {
    case PastEnd::exited: return "exited";
    case PastEnd::killed: return "killed";
    case PastEnd::not_started: return "not-started";
    case PastEnd::session_ended: return "session-ended";
    case PastEnd::unknown: break;
  }
  return "unknown";
}

struct History::Impl {
  std::string file;
  std::chrono::hours age;
  base::Guarded<std::optional<Connection>> connection;
  std::chrono::steady_clock::time_point next_try;  // under the lock of the connection
  std::atomic<bool> failing{false};                // it was logged

  Impl(std::string given_file, std::chrono::hours given_age) : file(std::move(given_file)), age(given_age) {}

  [[nodiscard]] bool keeps() const { return age != std::chrono::hours::zero(); }

  void set_aside(std::optional<Connection>& kept, const DatabaseError& error) const {
    base::log::warning(base::concat(error.what(), "; it is renamed to ", file, ".corrupt, and a new one is begun"));
    kept.reset();
    for (const char* suffix : {"-wal", ""})
      if (::rename((file + suffix).c_str(), base::concat(file, ".corrupt", suffix).c_str()) != 0 && errno != ENOENT)
        base::throw_errno("renaming", file + suffix);
  }

  // Where that fails, it is not tried for a while: it may wait for another process.
  void open(std::optional<Connection>& kept) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_try)
      throw base::Error(base::ErrorCode::failed, base::concat(file, " could not be opened a moment ago"),
                        "the daemon's log says why");
    next_try = now + std::chrono::minutes(1);
    Connection made(opened(file));
    made.prune(age);
    kept.emplace(std::move(made));
    next_try = {};
  }

  // Opens it where it is not open. Once more with a new file, if it turns out to be damaged.
  template <typename Step>
  void with_connection(const Step& step) {
    const auto kept = connection.lock();
    for (bool again = true;; again = false) {
      try {
        if (!*kept) open(*kept);
        return step(**kept);
      } catch (const DatabaseError& error) {
        if (!again || !error.is_corruption()) throw;
        set_aside(*kept, error);
        next_try = {};
      }
    }
  }

  // What is not wanted goes as a whole: with what was deleted before, which is in the file still.
  void remove() const {
    for (const char* suffix : {"-wal", ""})
      if (::unlink((file + suffix).c_str()) != 0 && errno != ENOENT) base::throw_errno("removing", file + suffix);
  }

  template <typename Step>
  void attempt(const Step& step) noexcept {
    try {
      step();
      failing = false;
    } catch (const std::exception& error) {
      if (!failing.exchange(true))
        base::log::warning(base::concat("the history of commands is not kept: ", error.what()));
    }
  }
};

History::History(std::string file, std::chrono::hours age) : impl_(std::make_unique<Impl>(std::move(file), age)) {
  impl_->attempt([&] {
    if (!impl_->keeps()) return impl_->remove();
    impl_->with_connection([](Connection&) {});
  });
}

History::~History() = default;

void History::add(const PastRun& past) noexcept {
  if (!impl_->keeps()) return;
  impl_->attempt([&] {
    if (!has_space(std::string(base::parent_path(impl_->file)), least_space))
      throw base::Error(base::ErrorCode::no_space, base::concat(impl_->file, ": the disk is almost full"));
    impl_->with_connection([&](Connection& connection) {
      const auto& run = past.run;
      connection.add_run.run(run.id, run.session, past.chroot, std::int64_t{past.source}, std::int64_t{past.owner},
                             past.owner_name, std::int64_t{run.caller}, run.caller_name, std::int64_t{run.uid},
                             run.user, cut(run.command, longest_command), run.network, run.since, past.until,
                             to_string(past.end), std::int64_t{past.value}, std::int64_t{past.out_of_memory},
                             std::int64_t{past.timed_out});
      if (++connection.added % prune_every == 0) connection.prune(impl_->age, run.caller);
    });
  });
}

bool History::keeps() const { return impl_->keeps(); }

std::optional<PastRun> History::find_run(const std::string& run) const {
  require_kept(*this);
  std::optional<PastRun> found;
  impl_->with_connection([&](Connection& connection) {
    Query row(connection.find_one, run);
    found = row.next() ? std::optional(read_past(row)) : std::nullopt;
  });
  return found;
}

std::vector<PastRun> History::find(const HistoryWish& wish) const {
  require_kept(*this);
  const HistoryUser user = wish.of.value_or(HistoryUser{});
  std::vector<PastRun> found;
  std::uint64_t before = wish.before;
  do {
    impl_->with_connection([&](Connection& connection) {
      if (before == 0) {
        Query newest(connection.newest);
        static_cast<void>(newest.next());
        before = static_cast<std::uint64_t>(newest.integer(0)) + 1;
      }
      const auto from = before > rows_at_once ? before - rows_at_once : 0;
      const auto wanted = static_cast<std::int64_t>(wish.limit - found.size());
      for (Query row(connection.find_runs, static_cast<std::int64_t>(before), std::int64_t{!wish.of},
                     std::int64_t{user.uid}, user.name, wish.name, wanted, static_cast<std::int64_t>(from));
           row.next();)
        found.push_back(read_past(row));
      before = from;
    });
  } while (before != 0 && found.size() < wish.limit);
  return found;
}

}  // namespace unionroot::store
