// The manager's parts, and the operations on one session that its methods and reconciliation share.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "session/live_session.h"
#include "session/manager.h"
#include "session/services.h"
#include "session/session_table.h"

namespace unionroot::session {

struct Manager::Impl {
  Impl(definition::Settings given, Events given_events);

  // begin.cpp
  LiveSessionPtr begin(const BeginRequest& request);
  void take_locks(LiveSession& session, const locks::Wait& wait, const Caller& caller);
  void activate(LiveSession& session);
  void discard_unbegun(const LiveSessionPtr& session) noexcept;

  // end.cpp
  EndResult end(const LiveSessionPtr& session, bool force);
  EndResult end_locked(const LiveSessionPtr& session, bool force);  // the caller holds session->operation
  void kill_processes(LiveSession& session);

  // runs.cpp
  Started run(const LiveSessionPtr& session, const RunRequest& request);
  void run_ended(const std::string& run);
  void adopt_run(const store::RunRecord& record);

  // recover.cpp
  void recover_locked(const LiveSessionPtr& session);
  void mark_failed(LiveSession& session, const std::string& why);

  // reconcile.cpp
  void reconcile();
  void rebuild_from_disk();
  void adopt(const store::SessionRecord& record);
  void settle(const LiveSessionPtr& session);
  void settle_active(const LiveSessionPtr& session);
  void hold_locks_again(LiveSession& session);
  void remove_strangers();
  void set_aside_orphans(const std::string& sessions_folder);
  void recover_in_background();

  [[nodiscard]] SessionView view(const LiveSession& session) const { return table.view(session, views); }
  void forget(const LiveSessionPtr& session, bool durable);  // from store and table, with its event

  const definition::Settings settings;
  const Events events;
  kernel::Mounts& mounts;
  std::unique_ptr<kernel::Cgroups> cgroups;
  mount::NamespaceFactory namespaces;
  mount::HostViews views;
  mount::SourceMounts source_mounts;
  locks::LockDirectory lock_directory;
  store::Store store;
  Trash trash;
  launch::Launcher launcher;
  const Stages stages;
  SessionTable table;
  Services services;

  std::vector<LiveSessionPtr> to_recover;  // filled by reconcile, worked off by `recoverers`
  std::atomic<std::size_t> next_to_recover{0};
  std::atomic<bool> stopping{false};
  std::vector<std::thread> recoverers;
};

}  // namespace unionroot::session
