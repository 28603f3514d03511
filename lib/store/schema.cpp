#include "store/schema.h"

#include "base/text.h"

namespace unionroot::store {

const std::vector<std::string>& migrations() {
  // States are stored as words, and the database checks them. So the sqlite3 shell shows readable values, and no
  // unknown value can be stored.
  static const std::vector<std::string> steps = {
      R"sql(
CREATE TABLE sessions (
  id            TEXT PRIMARY KEY NOT NULL,
  chroot        TEXT NOT NULL,
  selected_name TEXT NOT NULL,
  definition    TEXT NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('automatic', 'preserved')),
  source        INTEGER NOT NULL CHECK (source IN (0, 1)),
  state         TEXT NOT NULL CHECK (state IN ('beginning', 'active', 'ending', 'failed', 'recovering')),
  owner         INTEGER NOT NULL,
  owner_name    TEXT NOT NULL,
  created       INTEGER NOT NULL,
  boot_id       TEXT NOT NULL,
  options       TEXT NOT NULL,
  error         TEXT NOT NULL
) STRICT;

CREATE TABLE stages (
  session  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 0),
  name     TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (state IN ('starting', 'done', 'undoing', 'undone')),
  data     TEXT NOT NULL,
  PRIMARY KEY (session, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id         TEXT PRIMARY KEY NOT NULL,
  session    TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  pid        INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  boot_id    TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  user       TEXT NOT NULL,
  command    TEXT NOT NULL,
  cgroup     TEXT NOT NULL,
  since      INTEGER NOT NULL
) STRICT;

CREATE INDEX runs_by_session ON runs (session);

CREATE TABLE durable_commits (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL
) STRICT;
INSERT INTO durable_commits VALUES (1, 0);
)sql",
      // The last change of each source tree, if it did not end well. The row outlives the session.
      R"sql(
CREATE TABLE source_troubles (
  tree    TEXT PRIMARY KEY NOT NULL,
  session TEXT NOT NULL,
  owner   TEXT NOT NULL,
  at      INTEGER NOT NULL,
  what    TEXT NOT NULL
) STRICT;

-- Has a row once the sessions that are on disk are in here: in a new database there are none, although there may be some on
-- disk, since the old one was lost.
CREATE TABLE complete (id INTEGER PRIMARY KEY CHECK (id = 1)) STRICT;
INSERT INTO complete SELECT 1 WHERE EXISTS (SELECT 1 FROM sessions);
)sql",
      // Notes from the set-up of a session, so that a later daemon can show them.
      "ALTER TABLE sessions ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';",
      // The id of the daemon, which is part of every owner's token. marked: the things outside that the session made
      // carry its token. It is 0 for sessions of former versions until the daemon has marked their things.
      R"sql(
CREATE TABLE daemon (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL
) STRICT;
ALTER TABLE sessions ADD COLUMN marked INTEGER NOT NULL DEFAULT 1 CHECK (marked IN (0, 1));
UPDATE sessions SET marked = 0;
)sql",
      // 1 if a front end began the session; `schroot --all-sessions` lists these. Former versions had no front end.
      "ALTER TABLE sessions ADD COLUMN front_end INTEGER NOT NULL DEFAULT 0 CHECK (front_end IN (0, 1));",
      // The network of a run: host, caller, none or private. Former versions did not record it.
      "ALTER TABLE runs ADD COLUMN network TEXT NOT NULL DEFAULT '';",
      // The user who asked for a run. Former versions did not record it.
      R"sql(
ALTER TABLE runs ADD COLUMN caller INTEGER NOT NULL DEFAULT 4294967295;
ALTER TABLE runs ADD COLUMN caller_name TEXT NOT NULL DEFAULT '';
)sql",
      // Sessions may stand on frozen layers. Former versions know nothing of these, and would set a session up without
      // them: the new version number keeps them from opening the database.
      "UPDATE durable_commits SET number = number WHERE id = 1;",
  };
  return steps;
}

namespace {

std::size_t version_of(Database& database) {
  return base::parse_unsigned(database.pragma("PRAGMA user_version")).value_or(0);
}

void refuse_strangers(Database& database, std::size_t newest) {
  const std::size_t version = version_of(database);
  const std::string owner = database.pragma("PRAGMA application_id");
  const bool empty = version == 0 && owner == "0" && database.pragma("SELECT count(*) FROM sqlite_schema") == "0";
  if (!empty && owner != std::to_string(application_id))
    throw base::Error(base::ErrorCode::failed,
                      base::concat("opening ", database.file(), ": it is a database of another program"),
                      "move it away, or set another state directory");
  if (version > newest)
    throw base::Error(base::ErrorCode::not_supported,
                      base::concat("opening ", database.file(), ": it has schema version ", version,
                                   ", and this program knows versions up to ", newest),
                      "start the newer unionrootd that wrote it, or move the file away");
}

}  // namespace

void migrate(Database& database, const std::vector<std::string>& steps) {
  refuse_strangers(database, steps.size());
  while (version_of(database) < steps.size()) {
    Transaction transaction(database, true);
    // Checked again inside the transaction: another process may have migrated the database.
    const std::size_t version = version_of(database);
    if (version >= steps.size()) return;
    database.execute(steps[version].c_str(), "migrating");
    const std::string marks =
        base::concat("PRAGMA user_version=", version + 1, "; PRAGMA application_id=", application_id);
    database.execute(marks.c_str(), "migrating");
    transaction.commit();
  }
}

}  // namespace unionroot::store
