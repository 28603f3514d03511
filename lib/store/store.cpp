#include "store/store.h"

#include "base/guarded.h"
#include "base/text.h"
#include "store/open.h"
#include "store/records.h"
#include "store/room.h"

namespace unionroot::store {

namespace {

struct Connection {
  Database database;
  Statement add_session, update_session, set_marked, remove_session, one_session, all_sessions;
  Statement put_stage, session_stages;
  Statement add_run, remove_run, all_runs;
  Statement put_trouble, remove_own_trouble, remove_others_trouble, one_trouble;
  Statement count_durable;
  unsigned added = 0;  // sessions added since the database was opened

  explicit Connection(Database opened) : database(std::move(opened)) {
    using base::concat;
    add_session = database.prepare(
        concat("INSERT INTO sessions (", session_columns, ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
    update_session =
        database.prepare("UPDATE sessions SET state = ?2, error = ?3, boot_id = ?4, notes = ?5 WHERE id = ?1");
    set_marked = database.prepare("UPDATE sessions SET marked = 1 WHERE id = ?");
    remove_session = database.prepare("DELETE FROM sessions WHERE id = ?");
    one_session = database.prepare(concat("SELECT ", session_columns, " FROM sessions WHERE id = ?"));
    all_sessions = database.prepare(concat("SELECT ", session_columns, " FROM sessions ORDER BY created, id"));
    put_stage = database.prepare(
        concat("INSERT INTO stages (session, ", stage_columns, ") VALUES (?,?,?,?,?) ",
               "ON CONFLICT (session, position) DO UPDATE SET name = excluded.name, state = excluded.state, "
               "data = excluded.data"));
    session_stages =
        database.prepare(concat("SELECT ", stage_columns, " FROM stages WHERE session = ? ORDER BY position"));
    add_run = database.prepare(concat("INSERT INTO runs (", run_columns, ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"));
    remove_run = database.prepare("DELETE FROM runs WHERE id = ?");
    all_runs = database.prepare(concat("SELECT ", run_columns, " FROM runs ORDER BY since, id"));
    put_trouble =
        database.prepare("INSERT OR REPLACE INTO source_troubles (tree, session, owner, at, what) VALUES (?,?,?,?,?)");
    remove_own_trouble = database.prepare("DELETE FROM source_troubles WHERE tree = ? AND session = ?");
    remove_others_trouble = database.prepare("DELETE FROM source_troubles WHERE tree = ? AND session <> ?");
    one_trouble = database.prepare("SELECT tree, session, owner, at, what FROM source_troubles WHERE tree = ?");
    count_durable = database.prepare("UPDATE durable_commits SET number = number + 1");
  }

  // SQLite writes and syncs nothing if the new values equal the old ones. The old ones may still be only in memory,
  // from a commit that was not durable. So each durable commit changes a counter.
  void mark(bool durable) {
    if (durable) count_durable.run();
  }
  void put_stages(const std::string& session, const std::vector<StageRecord>& stages);
  void set_state(const SessionRecord& session);
  void activate(const SessionRecord& session, const std::vector<StageRecord>& stages);
};

[[noreturn]] void no_such_session(const std::string& id) {
  throw base::Error(base::ErrorCode::no_such_session,
                    base::concat("there is no record of a session '", base::printable(id), "'"));
}

void Connection::put_stages(const std::string& session, const std::vector<StageRecord>& stages) {
  try {
    for (const auto& stage : stages)
      put_stage.run(session, std::int64_t{stage.position}, stage.name, to_string(stage.state), stage.data);
  } catch (const DatabaseError& error) {
    if (error.result() == SQLITE_CONSTRAINT_FOREIGNKEY) no_such_session(session);
    throw;
  }
}

void Connection::set_state(const SessionRecord& session) {
  update_session.run(session.id, to_string(session.state), session.error, session.boot_id, session.notes);
  if (database.changes() == 0) no_such_session(session.id);
}

void Connection::activate(const SessionRecord& session, const std::vector<StageRecord>& stages) {
  put_stages(session.id, stages);
  SessionRecord active = session;
  active.state = SessionState::active;
  set_state(active);
}

}  // namespace

struct Store::Impl {
  std::optional<std::string> set_aside;
  base::Guarded<Connection> connection;

  explicit Impl(Opened opened)
      : set_aside(std::move(opened.set_aside)), connection(Connection(std::move(opened.database))) {}
};

Store::Store(const std::string& file, std::chrono::milliseconds busy_timeout)
    : impl_(std::make_unique<Impl>(open_database(file, busy_timeout))) {}

Store::~Store() = default;

const std::optional<std::string>& Store::set_aside() const { return impl_->set_aside; }

void Store::add_session(const SessionRecord& session) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  try {
    connection->add_session.run(session.id, session.chroot, session.selected_name, session.definition,
                                to_string(session.kind), std::int64_t{session.source}, to_string(session.state),
                                std::int64_t{session.owner}, session.owner_name, session.created, session.boot_id,
                                session.options, session.error, session.notes, std::int64_t{session.marked},
                                std::int64_t{session.front_end});
  } catch (const DatabaseError& error) {
    if (error.result() != SQLITE_CONSTRAINT_PRIMARYKEY) throw;
    throw base::Error(base::ErrorCode::session_exists,
                      base::concat("a session '", base::printable(session.id), "' exists already"),
                      "choose another name, or end that session first");
  }
  transaction.commit();
  constexpr unsigned often = 32;
  if (++connection->added % often == 0) reserve_pages_again(connection->database);
}

void Store::update_session(const SessionRecord& session, bool durable) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, durable);
  connection->mark(durable);
  connection->set_state(session);
  transaction.commit();
}

void Store::set_marked(const std::string& id) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, true);
  connection->mark(true);
  connection->set_marked.run(id);
  transaction.commit();
}

void Store::remove_session(const std::string& id, bool durable) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, durable);
  connection->mark(durable);
  connection->remove_session.run(id);
  transaction.commit();
}

std::optional<SessionRecord> Store::session(const std::string& id) const {
  const auto connection = impl_->connection.lock();
  Query row(connection->one_session, id);
  if (!row.next()) return std::nullopt;
  return read_session(row);
}

std::vector<SessionRecord> Store::sessions() const {
  const auto connection = impl_->connection.lock();
  std::vector<SessionRecord> found;
  for (Query row(connection->all_sessions); row.next();) found.push_back(read_session(row));
  return found;
}

void Store::put_stages(const std::string& session, const std::vector<StageRecord>& stages) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  connection->put_stages(session, stages);
  transaction.commit();
}

std::vector<StageRecord> Store::stages(const std::string& session) const {
  const auto connection = impl_->connection.lock();
  std::vector<StageRecord> found;
  for (Query row(connection->session_stages, session); row.next();) found.push_back(read_stage(row));
  return found;
}

void Store::activate(const SessionRecord& session, const std::vector<StageRecord>& stages, bool durable) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, durable);
  connection->mark(durable);
  connection->activate(session, stages);
  transaction.commit();
}

void Store::add_run(const RunRecord& run, const SessionRecord* active, const std::vector<StageRecord>& stages) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  if (active != nullptr) connection->activate(*active, stages);
  try {
    connection->add_run.run(run.id, run.session, std::int64_t{run.supervisor.pid},
                            static_cast<std::int64_t>(run.supervisor.start_time), run.supervisor.boot_id,
                            std::int64_t{run.uid}, run.user, run.command, run.cgroup, run.since, run.network,
                            std::int64_t{run.caller}, run.caller_name);
  } catch (const DatabaseError& error) {
    if (error.result() == SQLITE_CONSTRAINT_FOREIGNKEY) no_such_session(run.session);
    throw;
  }
  transaction.commit();
}

void Store::remove_run(const std::string& id) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  connection->remove_run.run(id);
  transaction.commit();
}

std::vector<RunRecord> Store::runs() const {
  const auto connection = impl_->connection.lock();
  std::vector<RunRecord> found;
  for (Query row(connection->all_runs); row.next();) found.push_back(read_run(row));
  return found;
}

bool Store::complete() const {
  return impl_->connection.lock()->database.pragma("SELECT count(*) FROM complete") == "1";
}

void Store::set_complete() {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, true);
  connection->database.execute("INSERT OR IGNORE INTO complete VALUES (1)");
  transaction.commit();
}

std::optional<std::string> Store::daemon_id() const {
  auto id = impl_->connection.lock()->database.pragma("SELECT name FROM daemon");
  if (id.empty()) return std::nullopt;
  return id;
}

void Store::set_daemon_id(const std::string& id) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, true);
  auto statement = connection->database.prepare("INSERT OR REPLACE INTO daemon (id, name) VALUES (1, ?)");
  statement.run(id);
  transaction.commit();
}

void Store::put_source_trouble(const SourceTrouble& trouble) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  connection->put_trouble.run(trouble.tree, trouble.session, trouble.owner, trouble.at, trouble.what);
  transaction.commit();
}

void Store::remove_source_trouble_of(const std::string& tree, const std::string& session) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  connection->remove_own_trouble.run(tree, session);
  transaction.commit();
}

void Store::remove_source_trouble_of_others(const std::string& tree, const std::string& session) {
  const auto connection = impl_->connection.lock();
  Transaction transaction(connection->database, false);
  connection->remove_others_trouble.run(tree, session);
  transaction.commit();
}

std::optional<SourceTrouble> Store::source_trouble(const std::string& tree) const {
  const auto connection = impl_->connection.lock();
  Query row(connection->one_trouble, tree);
  if (!row.next()) return std::nullopt;
  return SourceTrouble{row.text(0), row.text(1), row.text(2), row.integer(3), row.text(4)};
}

void Store::checkpoint() { empty_log(impl_->connection.lock()->database); }

}  // namespace unionroot::store
