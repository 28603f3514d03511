#include "session/manager.h"

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/listing.h"
#include "session/operations/apply.h"
#include "session/operations/begin.h"
#include "session/operations/clone.h"
#include "session/operations/diff.h"
#include "session/operations/end.h"
#include "session/operations/locks.h"
#include "session/operations/reset.h"
#include "session/operations/run.h"
#include "session/operations/snapshot.h"
#include "session/operations/source_changes.h"
#include "session/operations/take_over.h"
#include "session/parts.h"
#include "session/prune/prune.h"
#include "session/recovery/reconcile.h"
#include "session/recovery/recover.h"
#include "session/upper_use.h"

namespace unionroot::session {

using base::concat;

namespace {

// When the daemon stops. By then nothing is under way on a session.
void leave_locks(const SessionPtr& session) {
  if (auto operation = Operation::within(grace_period, session))
    abandon_locks(*operation);
  else
    base::log::error(concat("stopping: session ", session->id(), " is still in use; the next daemon looks after it"));
}

}  // namespace

struct Manager::Impl {
  Impl(definition::Settings settings, Events events) : parts(std::move(settings), std::move(events)) {}
  Parts parts;
  Reconciliation reconciliation{parts};
};

Manager::Manager(definition::Settings settings, Events events)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(events))) {}

Manager::~Manager() {
  impl_->parts.stopping = true;
  impl_->reconciliation.stop();
  // Without stop(), as when the daemon cannot be had by the bus: sessions live on, and so do their locks.
  for (const auto& session : impl_->parts.table.all()) leave_locks(session);
}

bool Manager::has_control_groups() const { return impl_->parts.cgroups->available(); }

void Manager::reconcile() {
  impl_->reconciliation.run();
  impl_->parts.outputs.prune();
}

SessionView Manager::begin(BeginRequest request) {
  constexpr std::chrono::milliseconds interval{10};
  const auto pending = prepare(std::move(request));
  while (!pending->go_on()) std::this_thread::sleep_for(interval);
  return pending->view();
}

std::unique_ptr<PendingBegin> Manager::prepare(BeginRequest request) {
  return std::make_unique<Beginning>(impl_->parts, std::move(request));
}

Started Manager::run(const RunRequest& request) {
  return session::run(impl_->parts, impl_->parts.table.require({request.session, request.session_created}), request);
}

void Manager::diff(const DiffRequest& request) {
  session::diff(impl_->parts, impl_->parts.table.require(request.session), request);
}

void Manager::reader_ended(std::uint64_t number) { impl_->parts.layer_readers.ended(number); }

void Manager::run_ended(const std::string& run, const launch::RunEnd& end) {
  session::run_ended(impl_->parts, run, end);
  impl_->parts.outputs.prune();
}

EndResult Manager::end(const SessionId& session, EndWish wish, TellProgress progress, std::function<bool()> cancelled,
                       std::optional<events::User> who) {
  return session::end(impl_->parts, impl_->parts.table.require(session), wish, std::move(progress),
                      std::move(cancelled), std::move(who));
}

namespace {
Operation alone_with(const Parts& parts, const SessionPtr& session) {
  auto operation = Operation::within(grace_period, session);
  if (!operation) throw busy(session->id(), session->state());
  if (!parts.table.has(*session))
    throw base::Error(base::ErrorCode::no_such_session, concat("session ", session->id(), " has ended already"));
  return std::move(*operation);
}
}  // namespace

bool Manager::reset(const ResetRequest& request, std::function<bool()> cancelled, TellProgress progress) {
  auto operation = alone_with(impl_->parts, impl_->parts.table.require(request.session));
  return session::reset(impl_->parts, operation, request, cancelled, std::move(progress));
}

std::string Manager::snapshot(const SnapshotRequest& request, TellProgress progress) {
  auto operation = alone_with(impl_->parts, impl_->parts.table.require(request.session));
  return session::snapshot(impl_->parts, operation, request.name, std::move(progress));
}

void Manager::rollback(const RollbackRequest& request, TellProgress progress) {
  auto operation = alone_with(impl_->parts, impl_->parts.table.require(request.session));
  session::rollback(impl_->parts, operation, request.snapshot, std::move(progress));
}

std::vector<SnapshotView> Manager::snapshots(const SessionId& session) {
  return session::snapshots(impl_->parts, impl_->parts.table.require(session));
}

std::vector<SessionView> Manager::clone(CloneRequest request) {
  std::vector<std::unique_ptr<Beginning>> begins;
  {
    auto operation = alone_with(impl_->parts, impl_->parts.table.require(request.session));
    begins = prepare_clones(impl_->parts, operation, request);
  }
  return begin_clones(impl_->parts, std::move(begins));
}

ApplyResult Manager::apply(const ApplyRequest& request, std::function<bool()> cancelled, TellProgress progress) {
  auto operation = alone_with(impl_->parts, impl_->parts.table.require(request.session));
  return session::apply(impl_->parts, operation, request, cancelled, std::move(progress));
}

AppliedView Manager::applied(const std::string& name, const std::function<bool(const AppliedView&)>& may_undo) const {
  return session::applied(impl_->parts, name, may_undo);
}

void Manager::undo(const std::string& id, const Caller& caller, TellProgress progress) {
  const auto record = UndoLayers(impl_->parts.settings.state_directory).require(id);
  std::optional<Operation> operation;
  if (const auto session = impl_->parts.table.find_same({record.session, record.session_created}))
    operation.emplace(alone_with(impl_->parts, session));
  session::undo(impl_->parts, operation ? &*operation : nullptr, record, caller, std::move(progress));
}

SessionView Manager::recover(const SessionId& wanted, std::function<bool()> cancelled, TellProgress progress,
                             bool accept_source) {
  const auto session = impl_->parts.table.require(wanted);
  auto operation = alone_with(impl_->parts, session);
  session::recover(impl_->parts, operation, cancelled, std::move(progress), accept_source);
  return view_of(impl_->parts, *session);
}

SessionView Manager::take_over(TakeOverRequest request) {
  return view_of(impl_->parts, *session::take_over(impl_->parts, std::move(request)));
}

std::optional<std::string> Manager::source_trouble(const definition::Definition& definition, bool whole) const {
  return session::source_trouble(impl_->parts, definition, whole);
}

Leftovers Manager::leftovers(const definition::Snapshot& chroots) const {
  return find_leftovers(impl_->parts, chroots);
}

void Manager::remove_leftover(const definition::Snapshot& chroots, const std::string& name) {
  session::remove_leftover(impl_->parts, chroots, name);
}

void Manager::drop_unwanted_caches(const definition::Snapshot& chroots) {
  session::drop_unwanted_caches(impl_->parts, chroots);
}

std::vector<SessionView> Manager::sessions() const {
  std::vector<SessionView> list;
  for (const auto& session : impl_->parts.table.all()) list.push_back(view_of(impl_->parts, *session));
  return list;
}

void Manager::prepare_stop() noexcept {
  impl_->parts.stopping = true;
  impl_->parts.stop.start();
}

void Manager::cancel(const SessionId& wanted) noexcept {
  if (const auto session = impl_->parts.table.find_same(wanted)) session->end_wanted = true;
}

bool Manager::is_busy(const SessionId& wanted) const {
  const auto session = impl_->parts.table.find_same(wanted);
  return session && !SharedOperation::at_once(session);
}

std::optional<SessionView> Manager::find(const std::string& id) const {
  const auto session = impl_->parts.table.find(id);
  if (!session) return std::nullopt;
  return view_of(impl_->parts, *session);
}

SessionView Manager::require(const std::string& id) const {
  return view_of(impl_->parts, *impl_->parts.table.require(id));
}

std::vector<store::PastRun> Manager::history(const store::HistoryWish& wish) const {
  return impl_->parts.history.find(wish);
}

std::optional<store::PastRun> Manager::past_run(const std::string& run) const {
  return impl_->parts.history.find_run(run);
}

RunOutput Manager::output(const std::string& run, uid_t caller) const {
  return session::output_of_run(impl_->parts, run, caller);
}

std::size_t Manager::signal_run(const std::string& run, int number) {
  return session::signal_run(impl_->parts, run, number);
}

std::optional<SessionView> Manager::find_by_run(const std::string& run) const {
  const auto session = impl_->parts.table.session_of_run(run);
  if (!session) return std::nullopt;
  return view_of(impl_->parts, *session);
}

base::UniqueFd Manager::watch_locks() const { return impl_->parts.lock_directory.watch(); }

std::vector<UpperUse> Manager::usage(const std::function<bool(const SessionView&)>& wanted) const {
  return use_of_uppers(impl_->parts, wanted);
}

void Manager::measure(SessionView& view) const {
  if (const auto session = impl_->parts.table.find_same(SessionId(view.record))) session::measure(session, view);
}

void Manager::stop(bool final) {
  auto& parts = impl_->parts;
  prepare_stop();
  impl_->reconciliation.stop();
  if (final) parts.stop.clear();
  for (const auto& session : parts.table.all()) {
    const bool ends = final && session->definition->on_shutdown == definition::OnShutdown::end;
    try {
      if (ends) session::end(parts, session, {});
    } catch (const std::exception& error) {
      base::log::error(concat("ending session ", session->id(), " at shutdown: ", error.what()));
    }
    leave_locks(session);
  }
  Attempts attempts;  // nothing of it is lost if it fails: the next start finds it
  attempts.run([&] { parts.source_mounts.release_if_empty(); });
  parts.schroot_places.withdraw_all();
  attempts.run([&] { parts.views.release_if_empty(); });
  attempts.run([&] { parts.store.checkpoint(); });
  for (const auto& problem : attempts.problems()) base::log::warning(concat("stopping: ", problem));
}

}  // namespace unionroot::session
