// Who has a begin that waits: its place in the queue, or whoever breaks it off.
#include "daemon/scheduler/waiting_begin.h"

#include <catch2/catch.hpp>
#include <future>

#include "base/error.h"

using namespace unionroot;
using daemon::WaitingBegins;

namespace {

struct State {
  bool cancelled = false;
  int left = 0;  // of the begins that were made
};

class Begin final : public session::PendingBegin {
 public:
  explicit Begin(State& state) : state_(state) { ++state_.left; }
  Begin(const Begin&) = delete;
  Begin& operator=(const Begin&) = delete;
  ~Begin() override { --state_.left; }
  bool go_on() override { return false; }
  [[noreturn]] void give_up() override { throw base::Error(base::ErrorCode::cancelled, "cancelled"); }
  [[nodiscard]] bool worth_trying() override { return false; }
  [[nodiscard]] bool is_cancelled() const override { return state_.cancelled; }
  [[nodiscard]] bool is_over() const override { return false; }
  [[nodiscard]] session::SessionView view() const override { return {}; }
  session::Started run(const session::RunRequest&) override { return {}; }

 private:
  State& state_;
};

}  // namespace

TEST_CASE("a queued begin that is cancelled needs no room, and one alone takes it") {
  State state;
  WaitingBegins begins;
  const auto waiting = begins.add(std::make_unique<Begin>(state));
  waiting->queued = true;
  CHECK_FALSE(waiting->needs_no_room());
  state.cancelled = true;
  CHECK(waiting->needs_no_room());
  CHECK(waiting->take());
  CHECK_FALSE(waiting->take());
  CHECK(waiting->needs_no_room());
}

TEST_CASE("a begin that is just used is not looked at") {
  State state;
  state.cancelled = true;
  WaitingBegins begins;
  const auto waiting = begins.add(std::make_unique<Begin>(state));
  waiting->queued = true;
  const std::lock_guard turn(waiting->turn);
  CHECK_FALSE(std::async(std::launch::async, [&] { return waiting->needs_no_room(); }).get());
}

TEST_CASE("a daemon that stops drops every begin, whoever still has a part of its request") {
  State state;
  WaitingBegins begins;
  const auto kept = begins.add(std::make_unique<Begin>(state));
  static_cast<void>(begins.add(std::make_unique<Begin>(state)));  // nobody has this one
  CHECK(state.left == 1);
  begins.drop_all();
  CHECK(state.left == 0);
  CHECK(kept->begin == nullptr);
}
