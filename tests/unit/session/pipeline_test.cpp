#include "session/pipeline.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "session_fixture.h"

using namespace unionroot;
using session::Recovery;
using session::StageData;
using session::TearDown;

namespace {

// Writes down what was asked of it; fails when told to.
class RecordingStage : public session::Stage {
 public:
  RecordingStage(std::string name, std::string& log) : name_(std::move(name)), log_(log) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  void set_up(session::SessionContext&, StageData& data) override {
    log_ += "+" + name_ + " ";
    data["made"] = name_;
    if (fails_up) throw base::SystemError(ENOSPC, "making " + name_);
  }
  void tear_down(session::SessionContext&, const StageData& data, TearDown mode) override {
    log_ += "-" + name_ + (mode == TearDown::keep_data ? "(keep) " : " ");
    seen = data;
    if (fails_down) throw base::Error(base::ErrorCode::failed, name_ + " is stuck", "kick it");
  }
  Recovery recover(session::SessionContext&, const StageData&) override { return found; }

  [[nodiscard]] bool applies(const session::SessionContext&) const override { return wanted; }

  bool fails_up = false, fails_down = false, wanted = true;
  Recovery found = Recovery::intact;
  StageData seen;

 private:
  std::string name_;
  std::string& log_;
};

struct Fixture : test::SessionFixture {
  std::string log;
  session::Stages stages;
  RecordingStage* stage[3];

  Fixture() {
    const char* names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; ++i) {
      auto made = std::make_unique<RecordingStage>(names[i], log);
      stage[i] = made.get();
      stages.push_back(std::move(made));
    }
    add_record("s");
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "stages are set up in order, journalled before and after") {
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store());
  pipeline.set_up(context, TearDown::everything);
  CHECK(log == "+a +b +c ");
  const auto journal = store().stages("s");
  REQUIRE(journal.size() == 3);
  CHECK(journal[0].state == store::StageState::done);
  CHECK(journal[1].state == store::StageState::done);
  // The last 'done' is left to the commit that makes the session active.
  CHECK(journal[2].state == store::StageState::starting);
  REQUIRE(pipeline.pending().size() == 1);
  CHECK(pipeline.pending()[0].name == "c");
  CHECK(pipeline.pending()[0].state == store::StageState::done);
}

TEST_CASE_METHOD(Fixture,
                 "journalled at once, every stage that applies is noted before the first, and done after the last") {
  stage[1]->wanted = false;
  std::vector<store::StageRecord> seen;
  auto context = make_context("s");
  int asked = 0;
  context.cancelled = [&] {  // asked before each stage
    if (++asked == 2) seen = store().stages("s");
    return false;
  };
  session::Pipeline pipeline(stages, store());
  pipeline.set_up(context, TearDown::everything, session::Journal::at_once);
  CHECK(log == "+a +c ");
  REQUIRE(seen.size() == 2);
  for (const auto& each : seen) {
    CHECK(each.state == store::StageState::starting);
    CHECK(each.data == "{}");
  }
  CHECK(seen[0].name == "a");
  CHECK(seen[1].name == "c");
  REQUIRE(pipeline.pending().size() == 2);
  for (const auto& each : pipeline.pending()) CHECK(each.state == store::StageState::done);
  CHECK(pipeline.pending()[1].data == R"({"made":"c"})");
}

TEST_CASE_METHOD(Fixture, "journalled at once, only what was set up is undone in the same process") {
  stage[1]->fails_up = true;
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store());
  CHECK_THROWS_WITH(pipeline.set_up(context, TearDown::everything, session::Journal::at_once),
                    Catch::Contains("stage b: making"));
  CHECK(log == "+a +b -b -a ");
  CHECK(pipeline.pending().empty());
  log.clear();
  session::Pipeline after_a_crash(stages, store(), store().stages("s"));
  CHECK(after_a_crash.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-c -b -a ");
}

TEST_CASE_METHOD(Fixture, "whoever cancels between two stages gets what was set up undone, and no further stage") {
  auto context = make_context("s");
  int asked = 0;
  context.cancelled = [&] { return ++asked == 3; };
  session::Pipeline pipeline(stages, store());
  try {
    pipeline.set_up(context, TearDown::everything);
    FAIL("it was set up");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::cancelled);
  }
  CHECK(log == "+a +b -b -a ");
}

TEST_CASE_METHOD(Fixture, "a failure at any stage undoes it and those before it, in reverse, and no other") {
  const std::string expected[] = {"+a -a ", "+a +b -b -a ", "+a +b +c -c -b -a "};
  for (int failing = 0; failing < 3; ++failing) {
    INFO("stage " << failing);
    log.clear();
    for (auto* each : stage) each->fails_up = false;
    stage[failing]->fails_up = true;
    auto context = make_context("s");
    session::Pipeline pipeline(stages, store());
    try {
      pipeline.set_up(context, TearDown::everything);
      FAIL("no error");
    } catch (const base::Error& error) {
      CHECK(error.code() == base::ErrorCode::no_space);
      CHECK(std::string(error.what()).find(std::string("stage ") + "abc"[failing] + ": making") != std::string::npos);
    }
    CHECK(log == expected[failing]);
  }
}

TEST_CASE_METHOD(Fixture, "the first cause is reported, not what went wrong in undoing it") {
  stage[2]->fails_up = true;
  stage[1]->fails_down = true;
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store());
  CHECK_THROWS_WITH(pipeline.set_up(context, TearDown::keep_data), Catch::Contains("making c"));
  CHECK(log == "+a +b +c -c(keep) -b(keep) -a(keep) -b(keep) ");
}

TEST_CASE_METHOD(Fixture, "tear-down goes on past a stage that cannot be undone, and tries it again next time") {
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store());
  pipeline.set_up(context, TearDown::everything);
  log.clear();
  stage[1]->fails_down = true;
  const auto left = pipeline.tear_down(context, TearDown::everything);
  CHECK(log == "-c -b -a -b ");  // at once a second time: much of what fails does so for a passing reason
  REQUIRE(left.size() == 1);
  CHECK(left[0] == "stage b: b is stuck; kick it");
  log.clear();
  stage[1]->fails_down = false;
  CHECK(pipeline.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-b ");
}

TEST_CASE_METHOD(Fixture, "after a restart, a stage gets back what it left in the journal") {
  {
    auto context = make_context("s");
    session::Pipeline pipeline(stages, store());
    pipeline.set_up(context, TearDown::everything);
  }
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store(), store().stages("s"));
  CHECK(pipeline.recover(context) == Recovery::partial);  // the last stage is 'starting' only
  stage[0]->found = Recovery::gone;
  CHECK(pipeline.recover(context) == Recovery::gone);
  log.clear();
  CHECK(pipeline.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-c -b -a ");
  CHECK(stage[0]->seen == StageData{{"made", "a"}});
  CHECK(stage[2]->seen.empty());
}

TEST_CASE_METHOD(Fixture, "stages that never started are not undone, and count as gone") {
  store().put_stages("s", {{0, "a", store::StageState::starting, "{}"}});
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store(), store().stages("s"));
  CHECK(pipeline.recover(context) == Recovery::gone);
  CHECK(pipeline.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-a ");
}

TEST_CASE_METHOD(Fixture, "a session that was set up again in vain is still undone when it ends") {
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store());
  pipeline.set_up(context, TearDown::everything);
  CHECK(pipeline.tear_down(context, TearDown::keep_data).empty());
  stage[0]->fails_up = true;
  CHECK_THROWS_AS(pipeline.set_up(context, TearDown::keep_data), base::Error);
  log.clear();
  CHECK(pipeline.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-c -b -a ");
}

TEST_CASE_METHOD(Fixture, "a stage that does not apply is passed over, and nothing is written down for it") {
  stage[1]->wanted = false;
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store());
  pipeline.set_up(context, TearDown::everything);
  CHECK(log == "+a +c ");
  CHECK(pipeline.journal().size() == 2);
  stage[1]->found = Recovery::gone;
  CHECK(pipeline.recover(context) == Recovery::intact);
  log.clear();
  CHECK(pipeline.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-c -a ");
}

TEST_CASE_METHOD(Fixture, "what a version with other stages wrote down is found by name") {
  store().put_stages(
      "s", {{0, "a", store::StageState::done, "{}"}, {1, "c", store::StageState::done, R"({"made":"then"})"}});
  stage[1]->wanted = false;
  auto context = make_context("s");
  session::Pipeline pipeline(stages, store(), store().stages("s"));
  CHECK(pipeline.recover(context) == Recovery::intact);
  CHECK(pipeline.tear_down(context, TearDown::everything).empty());
  CHECK(log == "-c -a ");
  CHECK(stage[2]->seen == StageData{{"made", "then"}});
}

TEST_CASE("the real stages are in the order of the design") {
  std::string order;
  for (const auto& stage : session::session_stages()) order += std::string(stage->name()) + " ";
  CHECK(order == "block-device source union inner-mounts files hooks host-view ");
}
