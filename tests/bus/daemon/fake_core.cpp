#include "fake_core.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"

namespace unionroot::testing {

using base::Error;
using base::ErrorCode;
using namespace std::chrono_literals;

namespace {

bool named(const std::string& name, const char* prefix) { return name.rfind(prefix, 0) == 0; }

void until_cancelled(const std::function<bool()>& cancelled) {
  while (!cancelled()) std::this_thread::sleep_for(5ms);
}

// A test that goes wrong must not hang.
void until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
}

// Each a microsecond later than the one before.
std::int64_t next_time() {
  static std::atomic<std::int64_t> last{1'700'000'000'000'000};
  return last++;
}

session::SessionView view_of(const session::BeginRequest& request, const std::string& name) {
  session::SessionView view;
  view.record.id = name;
  view.record.chroot = request.definition->name;
  view.record.selected_name = request.selected_name;
  view.record.kind = request.kind;
  view.record.source = request.source;
  view.record.state = store::SessionState::active;
  view.record.owner = request.owner.uid;
  view.record.owner_name = request.owner.name;
  view.record.created = next_time();
  view.location = "/run/fake/\xff/" + name;  // a path need not be UTF-8
  view.type = request.definition->type;
  view.definition = request.definition;
  view.stages = {{0, "source", store::StageState::done, {}}, {1, "union", store::StageState::done, {}}};
  return view;
}

}  // namespace

void FakeCore::begin_long(const session::BeginRequest& request, session::SessionView view) {
  const std::string name = view.record.id;
  view.record.state = store::SessionState::beginning;
  {
    const std::lock_guard lock(mutex_);
    sessions_.emplace(name, view);
  }
  events_.session_added(name);
  // Held back before its progress and after it, until a session begins that says that somebody has looked.
  const auto hold = [&](int wanted) {
    while (name == "long-held" && released_ < wanted && !request.cancelled()) std::this_thread::sleep_for(5ms);
  };
  hold(1);
  for (std::uint64_t done = 100; done <= 1000; done += 100) {
    std::this_thread::sleep_for(50ms);
    const session::Progress progress{"unpacking /\xff", done, 1000};
    {
      const std::lock_guard lock(mutex_);
      sessions_.at(name).progress = progress;
    }
    events_.progress(name, progress);
    if (request.progress) request.progress(name, progress);
  }
  hold(2);
}

session::SessionView FakeCore::begin(const session::BeginRequest& request) {
  const std::string name = request.name.empty() ? request.definition->name + "-" + base::random_token() : request.name;
  base::log::debug(base::concat("fake core: begin ", name));
  if (named(name, "block-")) {
    until_cancelled(request.cancelled);
    throw Error(ErrorCode::cancelled, "the caller has gone");
  }
  if (named(name, "late-")) until_cancelled(request.cancelled);
  if (named(name, "release-")) ++released_;
  if (named(name, "slow-")) std::this_thread::sleep_for(300ms);
  if (named(name, "broken-"))
    throw Error(ErrorCode::stage_failed, "stage 'source': /tmp/\xff\xfe is missing", "make it");
  if (named(name, "odd-")) throw std::runtime_error("not one of ours");
  session::SessionView view = view_of(request, name);
  if (named(name, "long-")) begin_long(request, view);
  {
    const std::lock_guard lock(mutex_);
    if (named(name, "long-")) sessions_.erase(name);
    if (!sessions_.emplace(name, view).second) {
      throw Error(ErrorCode::session_exists, base::concat("there is a session '", name, "' already"),
                  "choose another name");
    }
  }
  events_.session_added(name);
  return view;
}

session::Started FakeCore::start(const session::RunRequest& request, bool automatic) {
  const std::string id = base::random_token();
  int pair[2];
  base::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
  base::UniqueFd client(pair[0]), hold(pair[1]);
  if (request.standard[1] >= 0) {
    base::write_all(
        request.standard[1],
        base::concat(base::join(request.command, " "), " uid=", static_cast<long>(request.target_uid), "\n"), "stdout");
  }
  pid_t pid = 0;
  const bool lasts = !request.command.empty() && request.command.front() == "last";
  const std::string seconds = lasts ? "3" : "0";
  char* argv[] = {const_cast<char*>("sleep"), const_cast<char*>(seconds.c_str()), nullptr};
  if (const int result = ::posix_spawn(&pid, "/bin/sleep", nullptr, nullptr, argv, environ); result != 0) {
    throw base::SystemError(result, "starting sleep");
  }
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int watched = pidfd.get();
  {
    const std::lock_guard lock(mutex_);
    session::RunView shown;
    shown.id = id;
    shown.caller = request.caller.uid;
    shown.caller_name = request.caller.name;
    shown.command = base::printable(base::join(request.command, " "));
    runs_[id] = {request.session, automatic, std::move(hold), std::move(pidfd), shown};
  }
  events_.run_started({id, automatic ? 0 : request.caller.uid, false, watched});
  return {request.session, id, std::move(client)};
}

session::Started FakeCore::run(const session::RunRequest& request) { return start(request, false); }

class FakeBegin final : public session::PendingBegin {
 public:
  FakeBegin(FakeCore& core, session::BeginRequest request) : core_(core), request_(std::move(request)) {}
  bool go_on() override {
    if (request_.wait && named(request_.name, "block-") && !is_cancelled()) return false;
    view_ = core_.begin(request_);
    return true;
  }
  [[noreturn]] void give_up() override { throw Error(ErrorCode::cancelled, "the caller has gone"); }
  [[nodiscard]] bool worth_trying() override { return false; }
  [[nodiscard]] bool is_cancelled() const override { return request_.cancelled && request_.cancelled(); }
  [[nodiscard]] bool is_over() const override { return false; }
  [[nodiscard]] session::SessionView view() const override { return view_; }
  session::Started run(const session::RunRequest& request) override {
    auto run = request;
    run.session = view_.record.id;
    return core_.start(run, true);
  }

 private:
  FakeCore& core_;
  const session::BeginRequest request_;
  session::SessionView view_;
};

std::unique_ptr<session::PendingBegin> FakeCore::prepare(session::BeginRequest request) {
  return std::make_unique<FakeBegin>(*this, std::move(request));
}

std::optional<store::PastRun> FakeCore::past_run(const std::string& run) const {
  const std::lock_guard lock(mutex_);
  const auto found = past_.find(run);
  return found == past_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<session::SessionView> FakeCore::find_by_run(const std::string& run) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end() || !sessions_.contains(found->second.session)) return std::nullopt;
  auto view = sessions_.at(found->second.session);
  view.runs = {found->second.shown};
  return view;
}

void FakeCore::run_ended(const std::string& id, const launch::RunEnd&) {
  Run run;
  {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(id);
    if (found == runs_.end()) return;
    auto& past = past_[id];
    past.run = found->second.shown;
    past.end = store::PastEnd::exited;
    past.value = 7;
    run = std::move(found->second);
    runs_.erase(found);
  }
  if (run.automatic) end(run.session, {}, {}, {}, std::nullopt);
}

session::EndResult FakeCore::end(const session::SessionId& session, session::EndWish wish,
                                 session::TellProgress progress, std::function<bool()>, std::optional<events::User>) {
  const auto& id = session.id;
  if (progress) progress(id, {"packing", 7, 0});
  {
    const std::lock_guard lock(mutex_);
    if (sessions_.erase(id) == 0)
      throw Error(ErrorCode::no_such_session, base::concat("there is no session '", id, "'"));
  }
  if (named(id, "again-")) until([&] { return look(id).has_value(); });
  events_.session_removed(id);
  return {wish.force ? std::vector<std::string>{"left: /tmp/\xff"} : std::vector<std::string>{}};
}

// Makes an active session fail, so that State can be seen to change.
session::SessionView FakeCore::recover(const session::SessionId& session, std::function<bool()>,
                                       session::TellProgress progress, bool) {
  const auto& id = session.id;
  if (progress) progress(id, {"recovering", 1, 2});
  session::SessionView view;
  {
    const std::lock_guard lock(mutex_);
    auto& shown = sessions_.at(id);
    shown.record.state = store::SessionState::failed;
    view = shown;
  }
  events_.session_changed(id);
  return view;
}

void FakeCore::cancel(const session::SessionId&) noexcept {}

bool FakeCore::is_busy(const session::SessionId&) const { return false; }

std::vector<session::SessionView> FakeCore::sessions() const {
  const std::lock_guard lock(mutex_);
  std::vector<session::SessionView> list;
  for (const auto& [id, view] : sessions_) list.push_back(view);
  return list;
}

std::optional<session::SessionView> FakeCore::find(const std::string& id) const {
  auto view = look(id);
  if (view && named(id, "stale-")) until([&] { return !look(id); });
  return view;
}

std::optional<session::SessionView> FakeCore::look(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return std::nullopt;
  return found->second;
}

session::SessionView FakeCore::require(const std::string& id) const {
  auto view = look(id);
  if (!view) throw Error(ErrorCode::no_such_session, base::concat("there is no session '", base::printable(id), "'"));
  return *view;
}

}  // namespace unionroot::testing
