// Who reaches what of a session, and when.
#include "session/session.h"

#include <catch2/catch.hpp>
#include <thread>

#include "eventually.h"
#include "session/journal.h"
#include "session_fixture.h"

using namespace unionroot;
using namespace std::chrono_literals;
using session::Operation;
using session::SharedOperation;

namespace {

struct Fixture : test::SessionFixture {
  session::SessionPtr made = std::make_shared<session::Session>(services(), store::SessionRecord{}, definition());
};

}  // namespace

TEST_CASE_METHOD(Fixture, "operations on a session exclude each other, and whoever keeps it as it is") {
  {
    const Operation operation(made);
    CHECK_FALSE(Operation::within(1ms, made));
    CHECK_FALSE(SharedOperation::within(1ms, made));
    CHECK_FALSE(SharedOperation::at_once(made));
  }
  const auto first = SharedOperation::within(1ms, made);
  REQUIRE(first);
  CHECK(SharedOperation::within(1ms, made));
  CHECK(SharedOperation::at_once(made));
  CHECK_FALSE(Operation::within(1ms, made));
}

TEST_CASE_METHOD(Fixture, "whoever just looks at a session steps back for an operation that waits") {
  auto held = SharedOperation::within(1ms, made);
  REQUIRE(held);
  bool held_alone = false;
  std::thread waiting([&] {
    const Operation operation(made);
    held_alone = true;
  });
  const bool stepped_back = tests::eventually([&] { return !SharedOperation::at_once(made); });
  held.reset();
  waiting.join();
  CHECK(stepped_back);
  CHECK(held_alone);
  CHECK(SharedOperation::at_once(made));
}

TEST_CASE_METHOD(Fixture, "a record is made of the identity and of what is shown") {
  store::SessionRecord record;
  record.id = "s";
  record.owner_name = "jo";
  record.state = store::SessionState::failed;
  record.error = "stuck";
  record.notes = R"(["one"])";
  auto operation = operate("s", record);
  operation.note("two");
  operation.set_upper("/somewhere");
  const auto shown = session::session_record(operation.session());
  CHECK(shown.id == "s");
  CHECK(shown.owner_name == "jo");
  CHECK(shown.state == store::SessionState::failed);
  CHECK(shown.error == "stuck");
  CHECK(shown.notes == R"(["one","two"])");
  CHECK(operation.upper() == "/somewhere");
  CHECK(operation->begun);
}
