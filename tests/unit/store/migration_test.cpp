#include <catch2/catch.hpp>

#include "base/text.h"
#include "store/schema.h"
#include "support.h"

using namespace store_test;

namespace {

constexpr std::chrono::milliseconds soon(100);

std::string schema_of(Database& database) {
  std::string all;
  auto statement = database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name");
  for (Query row(statement); row.next();) all += row.text(0) + row.text(1) + "\n";
  return all;
}

}  // namespace

TEST_CASE("every older version is brought to the newest, with the same schema as a new database") {
  const Folder fresh;
  { const Store store(fresh.file()); }
  Database wanted(fresh.file(), soon);
  const auto& steps = migrations();
  for (std::size_t version = 0; version <= steps.size(); ++version) {
    INFO("from version " << version);
    const Folder folder;
    write_file(folder.file(), "");
    {
      Database database(folder.file(), soon);
      migrate(database, {steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(version)});
    }
    {
      Store store(folder.file());
      CHECK_FALSE(store.set_aside());
      store.add_session(session("a"));
    }
    Database database(folder.file(), soon);
    CHECK(database.pragma("PRAGMA user_version") == std::to_string(steps.size()));
    CHECK(schema_of(database) == schema_of(wanted));
  }
}

TEST_CASE("steps are applied in order, once, and keep what is there") {
  const Folder folder;
  write_file(folder.file(), "");
  Database database(folder.file(), soon);
  const std::vector<std::string> one = {"CREATE TABLE t (a TEXT) STRICT; INSERT INTO t VALUES ('kept');"};
  std::vector<std::string> three = one;
  three.emplace_back("ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 5;");
  three.emplace_back("UPDATE t SET b = b + 1;");
  migrate(database, one);
  CHECK(database.pragma("PRAGMA user_version") == "1");
  migrate(database, three);
  migrate(database, three);
  CHECK(database.pragma("PRAGMA user_version") == "3");
  CHECK(database.pragma("SELECT a || b FROM t") == "kept6");
}

TEST_CASE("a step that fails leaves the version before it, whole") {
  const Folder folder;
  write_file(folder.file(), "");
  Database database(folder.file(), soon);
  const std::vector<std::string> steps = {"CREATE TABLE t (a TEXT) STRICT;",
                                          "CREATE TABLE u (a TEXT) STRICT; INSERT INTO nowhere VALUES (1);"};
  CHECK_THROWS_AS(migrate(database, steps), DatabaseError);
  CHECK(database.pragma("PRAGMA user_version") == "1");
  CHECK(database.pragma("SELECT count(*) FROM sqlite_schema WHERE name = 'u'") == "0");
  CHECK(sqlite3_get_autocommit(database.handle()) != 0);
}

TEST_CASE("a newer version is refused and left as it is") {
  const Folder folder;
  { Store(folder.file()).add_session(session("a")); }
  const auto newer = migrations().size() + 1;
  {
    Database database(folder.file(), soon);
    database.execute(base::concat("PRAGMA user_version=", newer).c_str());
  }
  const std::string before = base::read_file(folder.file());
  const auto error = error_of([&] { const Store store(folder.file()); });
  CHECK(error.code() == base::ErrorCode::not_supported);
  CHECK(contains(error.what(), folder.file()));
  CHECK(contains(error.what(), "version " + std::to_string(newer)));
  CHECK_FALSE(error.hint().empty());
  CHECK(base::read_file(folder.file()) == before);
}

TEST_CASE("a database of another program is refused and left as it is") {
  const Folder folder;
  write_file(folder.file(), "");
  {
    Database database(folder.file(), soon);
    database.execute("CREATE TABLE other (a TEXT)");
  }
  const std::string before = base::read_file(folder.file());
  const auto error = error_of([&] { const Store store(folder.file()); });
  CHECK(contains(error.what(), "another program"));
  CHECK(base::read_file(folder.file()) == before);
}

TEST_CASE("the database itself keeps unknown words and types out") {
  const Folder folder;
  { Store(folder.file()).add_session(session("a")); }
  Database database(folder.file(), soon);
  CHECK_THROWS_AS(database.execute("UPDATE sessions SET state = 'asleep'"), DatabaseError);
  CHECK_THROWS_AS(database.execute("UPDATE sessions SET owner = 'alice'"), DatabaseError);
  CHECK_THROWS_AS(database.execute("UPDATE sessions SET kind = NULL"), DatabaseError);
}
