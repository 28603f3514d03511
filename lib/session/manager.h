// All sessions of a daemon.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "definition/registry.h"
#include "definition/settings.h"
#include "session/sessions.h"

namespace unionroot::session {

// The door to the session library.
class Manager final : public Sessions {
 public:
  Manager(definition::Settings settings, Events events);
  ~Manager() override;

  // Whether processes are counted and killed by control groups, not by a scan of /proc.
  [[nodiscard]] bool has_control_groups() const;

  // Compares the store, lock files, namespaces, host views, control groups, upper layers and the trash with each
  // other, and puts them right; recovers preserved sessions in parallel. Call once, before anything else.
  void reconcile();

  // prepare() and go_on(), which waits in the calling thread.
  SessionView begin(BeginRequest request);

  [[nodiscard]] std::unique_ptr<PendingBegin> prepare(BeginRequest request) override;
  Started run(const RunRequest& request) override;
  void diff(const DiffRequest& request) override;
  void reader_ended(std::uint64_t number) override;
  void run_ended(const std::string& run, const launch::RunEnd& end) override;
  EndResult end(const SessionId& session, EndWish wish, TellProgress progress = {},
                std::function<bool()> cancelled = {}, std::optional<events::User> who = std::nullopt) override;
  bool reset(const ResetRequest& request, std::function<bool()> cancelled = {}, TellProgress progress = {}) override;
  std::string snapshot(const SnapshotRequest& request, TellProgress progress = {}) override;
  void rollback(const RollbackRequest& request, TellProgress progress = {}) override;
  [[nodiscard]] std::vector<SnapshotView> snapshots(const SessionId& session) override;
  std::vector<SessionView> clone(CloneRequest request) override;
  ApplyResult apply(const ApplyRequest& request, std::function<bool()> cancelled = {},
                    TellProgress progress = {}) override;
  [[nodiscard]] AppliedView applied(const std::string& name,
                                    const std::function<bool(const AppliedView&)>& may_undo) const override;
  void undo(const std::string& id, const Caller& caller, TellProgress progress = {}) override;
  SessionView recover(const SessionId& wanted, std::function<bool()> cancelled = {}, TellProgress progress = {},
                      bool accept_source = false) override;
  SessionView take_over(TakeOverRequest request) override;
  [[nodiscard]] std::optional<std::string> source_trouble(const definition::Definition& definition,
                                                          bool whole) const override;
  [[nodiscard]] Leftovers leftovers(const definition::Snapshot& chroots) const override;
  void remove_leftover(const definition::Snapshot& chroots, const std::string& name) override;
  void drop_unwanted_caches(const definition::Snapshot& chroots) override;
  [[nodiscard]] std::vector<store::PastRun> history(const store::HistoryWish& wish) const override;
  [[nodiscard]] std::vector<UpperUse> usage(const std::function<bool(const SessionView&)>& wanted) const override;
  [[nodiscard]] std::optional<store::PastRun> past_run(const std::string& run) const override;
  [[nodiscard]] RunOutput output(const std::string& run, uid_t caller) const override;
  std::size_t signal_run(const std::string& run, int number) override;
  void measure(SessionView& view) const override;
  void prepare_stop() noexcept override;
  void cancel(const SessionId& session) noexcept override;
  [[nodiscard]] bool is_busy(const SessionId& session) const override;
  [[nodiscard]] std::vector<SessionView> sessions() const override;
  [[nodiscard]] std::optional<SessionView> find(const std::string& session) const override;
  [[nodiscard]] std::optional<SessionView> find_by_run(const std::string& run) const override;
  [[nodiscard]] SessionView require(const std::string& session) const override;
  [[nodiscard]] base::UniqueFd watch_locks() const override;

  // Stops the background workers; sessions stay as they are. `final`: the machine shuts down (on-shutdown applies).
  void stop(bool final);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::session
