// Every stage, over a kernel that fails at its N-th call, for every N: nothing may be left, and the first cause is
// told.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "session/pipeline.h"
#include "session_fixture.h"
#include "skip.h"

using namespace unionroot;
namespace fs = boost::filesystem;

namespace {

struct Fixture : test::SessionFixture {
  const session::Pipeline pipeline{session::session_stages(), store()};

  // What a session has outside its namespace: folders of the host view and the kept namespace, its upper layer.
  [[nodiscard]] std::string left_on_the_host() {
    trash.drain();
    std::string left;
    for (const char* place : {"/state/sessions", "/state/trash", "/run/mount", "/run/ns"}) {
      const auto path = folder.path + place;
      if (!fs::exists(path)) continue;
      for (const auto& entry : fs::directory_iterator(path)) left += entry.path().string() + " ";
    }
    return left;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a session is laid and taken away again over a kernel that works") {
  tests::require_root("to give the upper layer away");
  add_record("s");
  auto operation = operate("s");
  pipeline.set_up(operation, session::TearDown::everything);
  CHECK(fs::exists(folder.path + "/state/sessions/s/upper"));
  CHECK(fs::exists(folder.path + "/run/mount/s"));
  CHECK(pipeline.tear_down(operation, session::TearDown::everything).empty());
  CHECK(left_on_the_host().empty());
}

TEST_CASE_METHOD(Fixture, "whichever call fails, the set-up is undone") {
  tests::require_root("to give the upper layer away");
  unsigned calls = 0;
  {
    add_record("count");
    auto operation = operate("count");
    mounts.clear();
    pipeline.set_up(operation, session::TearDown::everything);
    calls = mounts.count();
    pipeline.tear_down(operation, session::TearDown::everything);
  }
  REQUIRE(calls > 20);
  CHECK(left_on_the_host().empty());  // and the trash worker has closed its descriptors
  const auto descriptors = tests::open_descriptors();
  unsigned failures = 0;
  for (unsigned call = 1; call <= calls; ++call) {
    INFO("call " << call << " of " << calls);
    const auto id = "s" + std::to_string(call);
    add_record(id);
    {
      auto operation = operate(id);
      mounts.clear();
      mounts.fail_at(call);
      try {
        pipeline.set_up(operation, session::TearDown::everything);
        pipeline.tear_down(operation, session::TearDown::everything);  // a call whose failure has a fall-back
      } catch (const base::Error& error) {
        ++failures;
        CHECK(std::string(error.what()).find("setting up session " + id + ": stage ") == 0);
      }
      mounts.fail_at(0);
    }
    CHECK(left_on_the_host().empty());
    CHECK(tests::open_descriptors() == descriptors);
  }
  CHECK(failures + 5 > calls);  // few calls have a fall-back
}

TEST_CASE_METHOD(Fixture, "whichever call fails, a set-up with hooks and on a tree of hooks is undone") {
  tests::require_root("to own the hooks");
  fs::create_directory(folder.path + "/hooks");
  auto hooked = *definition();
  hooked.hook_directories = {folder.path + "/hooks"};
  auto custom = hooked;
  custom.type = "custom";
  custom.source = definition::CustomSource{true, true, false};
  custom.union_ = {};
  for (const auto& shape : {hooked, custom}) {
    INFO(shape.type);
    const auto own = std::make_shared<definition::Definition>(shape);
    unsigned failures = 0, call = 1;
    for (bool reached = true; reached; ++call) {
      const auto id = shape.type + std::to_string(call);
      add_record(id);
      auto operation = operate(id, {}, own);
      mounts.clear();
      mounts.fail_at(call);
      try {
        pipeline.set_up(operation, session::TearDown::everything);
        pipeline.tear_down(operation, session::TearDown::everything);
      } catch (const base::Error&) {
        ++failures;  // a custom tree without scripts is refused in any case
      }
      reached = mounts.count() >= call;
      mounts.fail_at(0);
      CHECK(left_on_the_host().empty());
    }
    CHECK(call > 10);
    CHECK(failures > 5);
  }
}

TEST_CASE_METHOD(Fixture, "with keep_data the upper layer stays, and is used when the session is set up again") {
  tests::require_root("to give the upper layer away");
  add_record("s");
  auto operation = operate("s");
  pipeline.set_up(operation, session::TearDown::keep_data);
  fs::create_directories(folder.path + "/state/sessions/s/upper/etc");
  fs::create_directories(folder.path + "/state/sessions/s/work/work/incompat/volatile");
  CHECK(pipeline.tear_down(operation, session::TearDown::keep_data).empty());
  CHECK(fs::exists(folder.path + "/state/sessions/s/upper/etc"));
  operation->recovering = true;
  pipeline.set_up(operation, session::TearDown::keep_data);
  CHECK(fs::exists(folder.path + "/state/sessions/s/upper/etc"));
  CHECK_FALSE(fs::exists(folder.path + "/state/sessions/s/work/work"));
  CHECK(pipeline.tear_down(operation, session::TearDown::everything).empty());
  CHECK(left_on_the_host().empty());
}

TEST_CASE_METHOD(Fixture, "an upper layer that is there already is never taken over by a new session") {
  fs::create_directories(folder.path + "/state/sessions/s/upper");
  add_record("s");
  auto operation = operate("s");
  try {
    pipeline.set_up(operation, session::TearDown::keep_data);
    FAIL("no error");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::session_exists);
  }
  CHECK(fs::exists(folder.path + "/state/sessions/s/upper"));
}
