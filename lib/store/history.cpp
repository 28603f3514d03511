#include "store/history.h"

#include <fcntl.h>

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
#include "base/text.h"
#include "base/unique_fd.h"
#include "store/room.h"
#include "store/sqlite.h"

namespace unionroot::store {

namespace {

constexpr std::size_t longest_command = 4096;
constexpr unsigned most_runs = 100'000;
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
  Database database(file, std::chrono::seconds(5));
  static_cast<void>(database.pragma("PRAGMA locking_mode=EXCLUSIVE"));
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
  Statement add_run, find_runs, drop_old, drop_many;
  unsigned added = 0;

  explicit Connection(Database given) : database(std::move(given)) {
    using base::concat;
    add_run = database.prepare(
        concat("INSERT OR IGNORE INTO runs (", columns, ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL)"));
    find_runs = database.prepare(
        concat("SELECT ", columns, " FROM runs WHERE (?1 = 0 OR number < ?1) ",
               "AND (?2 = 1 OR (caller = ?3 AND caller_name = ?4) OR (owner = ?3 AND owner_name = ?4)) ",
               "AND (?5 = '' OR session = ?5 OR chroot = ?5) ORDER BY number DESC LIMIT ?6"));
    drop_old = database.prepare("DELETE FROM runs WHERE until < ?");
    drop_many = database.prepare("DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?");
  }

  void prune(std::chrono::hours age) {
    drop_old.run(base::now_microseconds() - std::chrono::microseconds(age).count());
    drop_many.run(std::int64_t{most_runs});
  }
};

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
  std::atomic<bool> failing{false};  // it was logged

  Impl(std::string given_file, std::chrono::hours given_age) : file(std::move(given_file)), age(given_age) {}

  std::optional<Connection> open() const {
    try {
      return Connection(opened(file));
    } catch (const DatabaseError& error) {
      if (!error.is_corruption()) throw;
      base::log::warning(base::concat(error.what(), "; it is renamed to ", file, ".corrupt, and a new one is begun"));
    }
    for (const char* suffix : {"-wal", ""})
      if (::rename((file + suffix).c_str(), base::concat(file, ".corrupt", suffix).c_str()) != 0 && errno != ENOENT)
        base::throw_errno("renaming", file + suffix);
    return Connection(opened(file));
  }

  // Where it could not be opened before, it may be now.
  void require(std::optional<Connection>& kept) const {
    if (!has_space(file.substr(0, file.rfind('/')), least_space))
      throw base::Error(base::ErrorCode::no_space, base::concat(file, ": the disk is almost full"));
    if (kept) return;
    kept = open();
    kept->prune(age);
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
    const auto connection = impl_->connection.lock();
    impl_->require(*connection);
    if (age == std::chrono::hours::zero()) connection->reset();
  });
}

History::~History() = default;

void History::add(const PastRun& past) noexcept {
  impl_->attempt([&] {
    if (impl_->age == std::chrono::hours::zero()) return;
    const auto connection = impl_->connection.lock();
    impl_->require(*connection);
    const auto& run = past.run;
    (*connection)
        ->add_run.run(run.id, run.session, past.chroot, std::int64_t{past.source}, std::int64_t{past.owner},
                      past.owner_name, std::int64_t{run.caller}, run.caller_name, std::int64_t{run.uid}, run.user,
                      cut(run.command, longest_command), run.network, run.since, past.until, to_string(past.end),
                      std::int64_t{past.value}, std::int64_t{past.out_of_memory}, std::int64_t{past.timed_out});
    if (++(*connection)->added % prune_every == 0) (*connection)->prune(impl_->age);
  });
}

std::vector<PastRun> History::find(const HistoryWish& wish) const {
  const auto connection = impl_->connection.lock();
  if (!*connection)
    throw base::Error(base::ErrorCode::not_supported, "reading the history of commands: none is kept",
                      "an administrator may set history-days in unionroot.conf; the daemon's log says if it failed");
  const HistoryUser user = wish.of.value_or(HistoryUser{});
  std::vector<PastRun> found;
  for (Query row((*connection)->find_runs, static_cast<std::int64_t>(wish.before), std::int64_t{!wish.of},
                 std::int64_t{user.uid}, user.name, wish.name, std::int64_t{wish.limit});
       row.next();)
    found.push_back(read_past(row));
  return found;
}

}  // namespace unionroot::store
