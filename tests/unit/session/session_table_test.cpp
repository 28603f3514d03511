#include "session/session_table.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "session_fixture.h"

using namespace unionroot;

namespace {

struct Fixture : test::SessionFixture {
  session::Stages stages;
  session::SessionTable table;
  session::LiveSessionPtr make(const std::string& id, uid_t owner) {
    store::SessionRecord record;
    record.id = id;
    record.owner = owner;
    record.owner_name = "u" + std::to_string(owner);
    record.state = store::SessionState::active;
    return std::make_shared<session::LiveSession>(services(), stages, record, definition(),
                                                  std::vector<store::StageRecord>{});
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an id is taken once, and is free again when its session has gone") {
  table.add(make("a", 1), 0);
  CHECK_THROWS_WITH(table.add(make("a", 2), 0), Catch::Contains("session a already"));
  CHECK_THROWS_WITH(table.require("b"), Catch::Contains("no session b"));
  table.remove("a");
  table.remove("a");
  CHECK_NOTHROW(table.add(make("a", 2), 0));
}

TEST_CASE_METHOD(Fixture, "a session that was asked for is not mistaken for a later one of its name") {
  auto first = make("a", 1);
  first->record.created = 100;
  table.add(first, 0);
  const session::SessionId asked(first->record);
  CHECK(table.require(asked) == first);
  table.remove("a");
  CHECK_THROWS_WITH(table.require(asked), Catch::Contains("no session a"));
  auto second = make("a", 2);
  second->record.created = 101;
  table.add(second, 0);
  CHECK_THROWS_WITH(table.require(asked), Catch::Contains("another has that name now"));
  CHECK(table.require("a") == second);
}

TEST_CASE_METHOD(Fixture, "the limit holds for each user alone, and not for root") {
  table.add(make("a", 1), 2);
  table.add(make("b", 1), 2);
  try {
    table.add(make("c", 1), 2);
    FAIL("no error");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::limit_exceeded);
  }
  CHECK_NOTHROW(table.add(make("c", 7), 2));
  for (const char* id : {"r1", "r2", "r3"}) CHECK_NOTHROW(table.add(make(id, 0), 2));
  table.remove("a");
  CHECK_NOTHROW(table.add(make("d", 1), 2));
}

TEST_CASE_METHOD(Fixture, "runs are counted by session and taken once") {
  for (const char* id : {"1", "2"})
    table.add_run({{id, "a", {}, 0, "root", "true", "", 0}, base::UniqueFd(), base::UniqueFd(), base::UniqueFd()});
  CHECK(table.runs_of("a") == 2);
  CHECK(table.runs_of("b") == 0);
  CHECK(table.take_run("1"));
  CHECK_FALSE(table.take_run("1"));
  CHECK(table.runs_of("a") == 1);
}
