#include "session/session_table.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "session_fixture.h"

using namespace unionroot;

namespace {

struct Fixture : test::SessionFixture {
  session::SessionTable table;
  session::HeldSessions held;
  session::SessionPtr make(const std::string& id, uid_t owner, std::int64_t created = 0) {
    store::SessionRecord record;
    record.id = id;
    record.owner = owner;
    record.created = created;
    record.owner_name = "u" + std::to_string(owner);
    record.state = store::SessionState::active;
    return std::make_shared<session::Session>(services(), record, definition());
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an id is taken once, and is free again when its session has gone") {
  const auto first = make("a", 1);
  table.add(first, 0, held);
  CHECK_THROWS_WITH(table.add(make("a", 2), 0, held), Catch::Contains("session a already exists"));
  CHECK_THROWS_WITH(table.require("b"), Catch::Contains("no session b"));
  table.remove(*first);
  CHECK_FALSE(table.has(*first));
  const auto second = make("a", 2);
  CHECK_NOTHROW(table.add(second, 0, held));
  table.remove(*first);  // not the later one of its name
  CHECK(table.has(*second));
}

TEST_CASE_METHOD(Fixture, "a session that was asked for is not mistaken for a later one of its name") {
  const auto first = make("a", 1, 100);
  table.add(first, 0, held);
  const session::SessionId asked(first->identity);
  CHECK(table.require(asked) == first);
  table.remove(*first);
  CHECK_THROWS_WITH(table.require(asked), Catch::Contains("no session a"));
  const auto second = make("a", 2, 101);
  table.add(second, 0, held);
  CHECK_THROWS_WITH(table.require(asked), Catch::Contains("another has that name now"));
  CHECK(table.require("a") == second);
}

TEST_CASE_METHOD(Fixture, "the limit holds for each user alone, and not for root") {
  const auto first = make("a", 1);
  table.add(first, 2, held);
  table.add(make("b", 1), 2, held);
  try {
    table.add(make("c", 1), 2, held);
    FAIL("no error");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::limit_exceeded);
  }
  CHECK_NOTHROW(table.add(make("c", 7), 2, held));
  for (const char* id : {"r1", "r2", "r3"}) CHECK_NOTHROW(table.add(make(id, 0), 2, held));
  table.remove(*first);
  CHECK_NOTHROW(table.add(make("d", 1), 2, held));
}

TEST_CASE_METHOD(Fixture, "a run is its session's alone, and is taken once") {
  const auto first = make("a", 1), other = make("b", 1);
  for (const auto& session : {first, other}) table.add(session, 0, held);
  for (const char* id : {"1", "2"})
    table.add_run(first, {{id, "a", {}, 0, "root", "true", "", 0, ""}, base::UniqueFd(), base::UniqueFd()});
  CHECK(first->run_count() == 2);
  CHECK(other->run_count() == 0);
  CHECK(table.session_of_run("1") == first);
  CHECK(table.take_run(*first, "1"));
  CHECK_FALSE(table.take_run(*first, "1"));
  CHECK_FALSE(table.session_of_run("1"));
  CHECK(first->run_count() == 1);
  CHECK(table.take_runs(*first).size() == 1);
  CHECK_FALSE(table.session_of_run("2"));
  CHECK(first->run_count() == 0);
}
