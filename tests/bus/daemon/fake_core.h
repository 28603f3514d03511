// A core without sessions. A session's name says what happens to it:
//   block-*   begin blocks until it is cancelled, then fails; if it may wait it waits without a thread
//   late-*    begin blocks until it is cancelled, then succeeds nevertheless
//   slow-*    begin takes 300 ms
//   long-*    begin is seen, and tells its progress ten times, every 50 ms
//   broken-*  begin fails with a message that is not UTF-8
//   odd-*     begin throws what is no base::Error
//   stale-*   find sees it, and tells so only when it has ended
//   again-*   end tells of it only when another session of that name has begun
// Every run is a real process, so that its end can be watched.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "session/sessions.h"

namespace unionroot::testing {

class FakeCore final : public session::Sessions {
 public:
  explicit FakeCore(session::Events events) : events_(std::move(events)) {}
  [[nodiscard]] std::unique_ptr<session::PendingBegin> prepare(session::BeginRequest request) override;
  session::Started run(const session::RunRequest& request) override;
  void diff(const session::DiffRequest&) override {}
  bool reset(const session::ResetRequest&, std::function<bool()>, session::TellProgress) override { return false; }
  std::string snapshot(const session::SnapshotRequest&, session::TellProgress) override { return {}; }
  void rollback(const session::RollbackRequest&, session::TellProgress) override {}
  [[nodiscard]] std::vector<session::SnapshotView> snapshots(const session::SessionId&) override { return {}; }
  std::vector<session::SessionView> clone(session::CloneRequest) override { return {}; }
  session::ApplyResult apply(const session::ApplyRequest&, std::function<bool()>, session::TellProgress) override {
    return {};
  }
  [[nodiscard]] session::AppliedView applied(const std::string&,
                                             const std::function<bool(const session::AppliedView&)>&) const override {
    return {};
  }
  void undo(const std::string&, const session::Caller&, session::TellProgress) override {}
  void reader_ended(std::uint64_t) override {}
  void run_ended(const std::string& run, const launch::RunEnd& end) override;
  [[nodiscard]] std::optional<std::string> source_trouble(const definition::Definition&, bool) const override {
    return std::nullopt;
  }
  session::EndResult end(const session::SessionId& session, session::EndWish wish, session::TellProgress progress,
                         std::function<bool()> cancelled, std::optional<events::User> who) override;
  session::SessionView recover(const session::SessionId& session, std::function<bool()> cancelled,
                               session::TellProgress progress, bool accept_source) override;
  [[nodiscard]] session::Leftovers leftovers(const definition::Snapshot&) const override { return {}; }
  void remove_leftover(const definition::Snapshot&, const std::string&) override {}
  void drop_unwanted_caches(const definition::Snapshot&) override {}
  session::SessionView take_over(session::TakeOverRequest request) override { return require(request.begin.name); }
  [[nodiscard]] std::vector<store::PastRun> history(const store::HistoryWish&) const override { return {}; }
  [[nodiscard]] std::vector<session::UpperUse> usage(
      const std::function<bool(const session::SessionView&)>&) const override {
    return {};
  }
  [[nodiscard]] std::optional<store::PastRun> past_run(const std::string& run) const override;
  [[nodiscard]] session::RunOutput output(const std::string&, uid_t) const override { return {}; }
  std::size_t signal_run(const std::string& run, int) override { return find_by_run(run) ? 1 : 0; }
  [[nodiscard]] std::optional<session::SessionView> find_by_run(const std::string& run) const override;
  void measure(session::SessionView&) const override {}
  void prepare_stop() noexcept override {}
  void cancel(const session::SessionId& session) noexcept override;
  [[nodiscard]] bool is_busy(const session::SessionId& session) const override;
  [[nodiscard]] std::vector<session::SessionView> sessions() const override;
  [[nodiscard]] std::optional<session::SessionView> find(const std::string& session) const override;
  [[nodiscard]] session::SessionView require(const std::string& session) const override;
  [[nodiscard]] base::UniqueFd watch_locks() const override { return {}; }

 private:
  struct Run {
    std::string session;
    bool automatic = false;
    base::UniqueFd hold;
    base::UniqueFd pidfd;
    session::RunView shown;
  };
  friend class FakeBegin;
  session::SessionView begin(const session::BeginRequest& request);
  void begin_long(const session::BeginRequest& request, session::SessionView view);
  [[nodiscard]] std::optional<session::SessionView> look(const std::string& session) const;
  session::Started start(const session::RunRequest& request, bool automatic);

  session::Events events_;
  mutable std::mutex mutex_;
  std::map<std::string, session::SessionView> sessions_;
  std::map<std::string, Run> runs_;
  std::map<std::string, store::PastRun> past_;
  std::atomic<int> released_{0};
};

}  // namespace unionroot::testing
