#include "session/pipeline.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "session/attempts.h"
#include "session_fixture.h"

using namespace unionroot;
using session::Recovery;
using session::StageData;
using session::StageEntry;
using session::TearDown;

namespace {

// Writes down what was asked of it, by the first letter of its name; fails when told to.
class RecordingStage : public session::Stage {
 public:
  RecordingStage(std::string name, std::string& log) : name_(std::move(name)), letter_(name_.substr(0, 1)), log_(log) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  void set_up(session::Operation&, StageData& data) override {
    log_ += "+" + letter_ + " ";
    data.emplace<session::TreeData>().mount = letter_;
    if (fails_up) throw base::SystemError(ENOSPC, "making " + letter_);
  }
  void tear_down(session::Operation&, const StageData& data, TearDown mode) override {
    log_ += "-" + letter_ + (mode == TearDown::keep_data ? "(keep) " : " ");
    seen = session::stage_data<session::TreeData>(data).mount;
    if (fails_down) throw base::Error(code_down, letter_ + " is stuck", "push it");
  }
  Recovery recover(session::Operation&, const StageData&) override { return found; }

  [[nodiscard]] bool applies(const definition::Definition&) const override { return wanted; }

  bool fails_up = false, fails_down = false, wanted = true;
  base::ErrorCode code_down = base::ErrorCode::failed;
  Recovery found = Recovery::intact;
  std::string seen;

 private:
  std::string name_;
  std::string letter_;
  std::string& log_;
};

struct Fixture : test::SessionFixture {
  std::string log;
  RecordingStage* stage[3];
  const session::Pipeline pipeline{make_stages(), store()};

  Fixture() { add_record("s"); }

  session::Stages make_stages() {
    session::Stages stages;
    const char* names[] = {"a", "provide-tree", "z"};
    for (int i = 0; i < 3; ++i) {
      auto made = std::make_unique<RecordingStage>(names[i], log);
      stage[i] = made.get();
      stages.push_back(std::move(made));
    }
    return stages;
  }
  session::Operation after_a_restart() { return operate("s", {}, nullptr, pipeline.read(store().stages("s"))); }
};

std::vector<StageEntry> journal(const session::Operation& operation) {
  return operation.session().shown.lock()->stages;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "stages are set up in order, journalled before and after") {
  auto operation = operate("s");
  pipeline.set_up(operation, TearDown::everything);
  CHECK(log == "+a +p +z ");
  const auto journal = store().stages("s");
  REQUIRE(journal.size() == 3);
  CHECK(journal[0].state == store::StageState::done);
  CHECK(journal[1].state == store::StageState::done);
  // The last 'done' is left to the commit that makes the session active.
  CHECK(journal[2].state == store::StageState::starting);
  REQUIRE(operation->unwritten.size() == 1);
  CHECK(operation->unwritten[0].name == "z");
  CHECK(operation->unwritten[0].state == store::StageState::done);
}

TEST_CASE_METHOD(Fixture,
                 "journalled at once, every stage that applies is noted before the first, and done after the last") {
  stage[1]->wanted = false;
  std::vector<store::StageRecord> seen;
  auto operation = operate("s");
  int asked = 0;
  operation->cancelled = [&] {  // asked before each stage
    if (++asked == 2) seen = store().stages("s");
    return false;
  };
  pipeline.set_up(operation, TearDown::everything, session::Journal::at_once);
  CHECK(log == "+a +z ");
  REQUIRE(seen.size() == 2);
  for (const auto& each : seen) {
    CHECK(each.state == store::StageState::starting);
    CHECK(each.data == "{}");
  }
  CHECK(seen[0].name == "a");
  CHECK(seen[1].name == "z");
  REQUIRE(operation->unwritten.size() == 2);
  for (const auto& each : operation->unwritten) CHECK(each.state == store::StageState::done);
  CHECK(operation->unwritten[1].data == R"({"mount":"z"})");
}

TEST_CASE_METHOD(Fixture, "journalled at once, only what was set up is undone in the same process") {
  stage[1]->fails_up = true;
  auto operation = operate("s");
  CHECK_THROWS_WITH(pipeline.set_up(operation, TearDown::everything, session::Journal::at_once),
                    Catch::Contains("stage provide-tree: making"));
  CHECK(log == "+a +p -p -a ");
  CHECK(operation->unwritten.empty());
  log.clear();
  auto crashed = after_a_restart();
  CHECK(pipeline.tear_down(crashed, TearDown::everything).empty());
  CHECK(log == "-z -p -a ");
}

TEST_CASE_METHOD(Fixture, "whoever cancels between two stages gets what was set up undone, and no further stage") {
  auto operation = operate("s");
  int asked = 0;
  operation->cancelled = [&] { return ++asked == 3; };
  try {
    pipeline.set_up(operation, TearDown::everything);
    FAIL("it was set up");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::cancelled);
  }
  CHECK(log == "+a +p -p -a ");
}

TEST_CASE_METHOD(Fixture, "a failure at any stage undoes it and those before it, in reverse, and no other") {
  const std::string expected[] = {"+a -a ", "+a +p -p -a ", "+a +p +z -z -p -a "};
  for (int failing = 0; failing < 3; ++failing) {
    INFO("stage " << failing);
    log.clear();
    for (auto* each : stage) each->fails_up = false;
    stage[failing]->fails_up = true;
    auto operation = operate("s");
    try {
      pipeline.set_up(operation, TearDown::everything);
      FAIL("no error");
    } catch (const base::Error& error) {
      CHECK(error.code() == base::ErrorCode::no_space);
      CHECK(std::string(error.what()).find(std::string(": making ") + "apz"[failing]) != std::string::npos);
    }
    CHECK(log == expected[failing]);
  }
}

TEST_CASE_METHOD(Fixture, "the first cause is reported, not what went wrong in undoing it") {
  stage[2]->fails_up = true;
  stage[1]->fails_down = true;
  auto operation = operate("s");
  CHECK_THROWS_WITH(pipeline.set_up(operation, TearDown::keep_data), Catch::Contains("making z"));
  CHECK(log == "+a +p +z -z(keep) -p(keep) -a(keep) -p(keep) ");
}

TEST_CASE_METHOD(Fixture, "tear-down goes on past a stage that cannot be undone, and tries it again next time") {
  auto operation = operate("s");
  pipeline.set_up(operation, TearDown::everything);
  log.clear();
  stage[1]->fails_down = true;
  const auto left = pipeline.tear_down(operation, TearDown::everything);
  CHECK(log == "-z -p -a -p ");  // at once a second time: much of what fails does so for a passing reason
  REQUIRE(left.size() == 1);
  CHECK(left[0] == "stage provide-tree: p is stuck; push it");
  log.clear();
  stage[1]->fails_down = false;
  CHECK(pipeline.tear_down(operation, TearDown::everything).empty());
  CHECK(log == "-p ");
}

TEST_CASE_METHOD(Fixture, "what timed out is not tried again at once: it has waited already") {
  auto operation = operate("s");
  pipeline.set_up(operation, TearDown::everything);
  log.clear();
  stage[1]->fails_down = stage[2]->fails_down = true;
  stage[1]->code_down = base::ErrorCode::timed_out;
  const auto left = pipeline.tear_down(operation, TearDown::everything);
  CHECK(log == "-z -p -a -z ");
  CHECK(left == std::vector<std::string>{"stage z: z is stuck; push it", "stage provide-tree: p is stuck; push it"});
}

TEST_CASE("steps are tried once more, but not after a time-out") {
  using base::ErrorCode;
  for (const auto& [code, expected] : {std::pair(ErrorCode::failed, 2), std::pair(ErrorCode::timed_out, 1)}) {
    int tries = 0;
    session::Attempts attempts;
    attempts.run([&, code = code] {
      ++tries;
      throw base::Error(code, "it is stuck", "push it");
    });
    CHECK(tries == expected);
    CHECK(attempts.problems() == std::vector<std::string>{"it is stuck; push it"});
  }
}

TEST_CASE_METHOD(Fixture, "after a restart, a stage gets back what it left in the journal") {
  {
    auto operation = operate("s");
    pipeline.set_up(operation, TearDown::everything);
  }
  auto operation = after_a_restart();
  CHECK(pipeline.recover(operation) == Recovery::partial);  // the last stage is 'starting' only
  stage[0]->found = Recovery::gone;
  CHECK(pipeline.recover(operation) == Recovery::gone);
  log.clear();
  CHECK(pipeline.tear_down(operation, TearDown::everything).empty());
  CHECK(log == "-z -p -a ");
  CHECK(stage[1]->seen == "p");
  CHECK(stage[2]->seen.empty());
}

TEST_CASE_METHOD(Fixture, "stages that never started are not undone, and count as gone") {
  store().put_stages("s", {{0, "a", store::StageState::starting, "{}"}});
  auto operation = after_a_restart();
  CHECK(pipeline.recover(operation) == Recovery::gone);
  CHECK(pipeline.tear_down(operation, TearDown::everything).empty());
  CHECK(log == "-a ");
}

TEST_CASE_METHOD(Fixture, "a session that was set up again in vain is still undone when it ends") {
  auto operation = operate("s");
  pipeline.set_up(operation, TearDown::everything);
  CHECK(pipeline.tear_down(operation, TearDown::keep_data).empty());
  stage[0]->fails_up = true;
  CHECK_THROWS_AS(pipeline.set_up(operation, TearDown::keep_data), base::Error);
  log.clear();
  CHECK(pipeline.tear_down(operation, TearDown::everything).empty());
  CHECK(log == "-z -p -a ");
}

TEST_CASE_METHOD(Fixture, "a stage that does not apply is passed over, and nothing is written down for it") {
  stage[1]->wanted = false;
  auto operation = operate("s");
  pipeline.set_up(operation, TearDown::everything);
  CHECK(log == "+a +z ");
  CHECK(journal(operation).size() == 2);
  stage[1]->found = Recovery::gone;
  CHECK(pipeline.recover(operation) == Recovery::intact);
  log.clear();
  CHECK(pipeline.tear_down(operation, TearDown::everything).empty());
  CHECK(log == "-z -a ");
}

TEST_CASE_METHOD(Fixture, "what a version with other stages wrote down is found by name, also by a former one") {
  store().put_stages("s", {{0, "block-device", store::StageState::done, R"({"mount":"then","old":"x"})"},
                           {1, "z", store::StageState::done, "{}"},
                           {2, "gone", store::StageState::done, "{}"}});
  stage[0]->wanted = false;
  auto operation = after_a_restart();
  CHECK(pipeline.recover(operation) == Recovery::intact);
  CHECK(pipeline.tear_down(operation, TearDown::everything).empty());
  CHECK(log == "-z -p ");
  CHECK(stage[1]->seen == "then");
  const auto entries = journal(operation);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "provide-tree");
  CHECK(entries[0].position == 1);
}

TEST_CASE("the real stages are in the order of the design") {
  std::string order;
  for (const auto& stage : session::session_stages()) order += std::string(stage->name()) + " ";
  CHECK(order == "provide-tree source union inner-mounts files hooks services host-view ");
}
