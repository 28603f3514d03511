// The manager's parts, and the operations on one session that its methods and reconciliation share.
#pragma once

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "launch/waiting_client.h"
#include "session/files_layers.h"
#include "session/live_session.h"
#include "session/manager.h"
#include "session/services.h"
#include "session/session_table.h"
#include "session/storage.h"

namespace unionroot::session {

// Whoever needs a session waits so long for another operation on it that is about to be over: a command that is just
// being started, or a session that has just begun, is no reason to refuse.
constexpr std::chrono::seconds a_moment{2};

struct Manager::Impl {
  Impl(definition::Settings given, Events given_events);

  // True for automatic sessions that a start after a crash ends whatever it finds of them, but for a run that lives: so
  // the store needs to know that they are there, and of their run, and no more. Not for those of which more than their
  // parts is to be undone, or noted: with scripts, or on the source itself.
  [[nodiscard]] static bool ends_with_its_run(const LiveSession& session);
  // At once, for automatic sessions and those that are set up again (at boot, hundreds), where a stage that never
  // started has nothing to undo.
  [[nodiscard]] static Journal journal_of(const LiveSession& session);

  // begin.cpp
  LiveSessionPtr begin(const BeginRequest& request);
  void activate(LiveSession& session);
  void discard_unbegun(const LiveSessionPtr& session) noexcept;

  // end.cpp
  EndResult end(const LiveSessionPtr& session, bool force, TellProgress progress = {},
                std::function<bool()> cancelled = {});
  // The caller holds session->operation.
  EndResult end_locked(const LiveSessionPtr& session, bool force, std::function<bool()> cancelled = {});
  // As the daemon ends an automatic session: by force, once what is under way on it is over. But it stays, failed, if
  // what was changed in it cannot be put into its source. client: of the command that it was begun for, which waits and
  // may cancel that; nullptr: nobody does.
  void end_unasked(const LiveSessionPtr& session, launch::WaitingClient* client = nullptr);
  void kill_processes(LiveSession& session);

  // session_locks.cpp
  void take_locks(LiveSession& session, locks::Wait wait, const Caller& caller);
  void hold_locks_again(LiveSession& session);
  // Of those of its lock files that are wanted.
  [[nodiscard]] std::set<std::string> keys_of(const LiveSession& session,
                                              const std::function<bool(const locks::LockInfo&)>& wanted) const;
  [[nodiscard]] bool had_its_locks(const LiveSession& session) const;  // under the former daemon, by their files
  // Whether its locks could not be held again for want of room alone: each needs another file where commands hold that
  // of the former daemon. A preserved session's file protects its tree without an owner too.
  [[nodiscard]] bool stands_without_owner(const LiveSession& session, const std::exception& why) const;
  void release_locks(LiveSession& session);
  // What commands of a former daemon hold, under names of their own, and go on holding for a moment after they were
  // killed; and what a daemon that died had just taken.
  void remove_locks_left(const std::string& id);

  // runs.cpp
  Started run(const LiveSessionPtr& session, const RunRequest& request);
  void discard_run(const LiveSession& session, const std::string& id, launch::LaunchedRun launched) noexcept;
  void record_run(LiveSession& session, const store::RunRecord& run);
  void run_ended(const std::string& run);
  void adopt_run(const store::RunRecord& record);

  // source_changes.cpp
  void note_source_trouble(LiveSession& session, const std::string& what);
  void note_command_in_source(LiveSession& session, const std::string& command, const kernel::ProcessEnd& end);
  void note_source_end(LiveSession& session);

  // recover.cpp
  void recover_locked(const LiveSessionPtr& session, const std::function<bool()>& cancelled = {},
                      TellProgress progress = {});
  void mark_failed(LiveSession& session, const std::string& why);
  // What the stages noted, for the log and for listings.
  void tell_notes(LiveSession& session);

  // reconcile.cpp
  void reconcile();
  void rebuild_from_disk(const std::string& folder);
  void adopt(const store::SessionRecord& record);
  void settle(const LiveSessionPtr& session);
  void finish(const LiveSessionPtr& session);
  Recovery look_at(LiveSession& session);
  void settle_active(const LiveSessionPtr& session);
  [[nodiscard]] bool is_strange(const std::string& name) const {
    return !table.find(name) && !not_taken_up.contains(name);
  }
  void remove_strangers();
  void drop_strange_namespace(const std::string& name);
  void set_aside_orphans(const std::string& sessions_folder);
  void remove_stale_locks_soon();

  // recover_in_background.cpp
  void recover_in_background();
  bool recover_next();  // false: there is no more

  [[nodiscard]] SessionView view(const LiveSession& session) const { return table.view(session, views); }

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
  SessionFolders folders;
  launch::Launcher launcher;
  const Stages stages;
  SessionTable table;
  FilesLayers files_layers;
  Services services;

  std::set<std::string>
      not_taken_up;  // in the store, but something went wrong with them at start; reconcile alone uses it
  std::vector<LiveSessionPtr>
      to_recover;  // or to end, by their states; filled by reconcile, worked off in the background
  std::atomic<std::size_t> next_to_recover{0};
  std::atomic<bool> stopping{false};
  std::vector<std::thread> background;  // what reconcile began; each ends by itself; once `stopping`, when what it is
                                        // at is done or cancelled (scripts that stop are not)
};

}  // namespace unionroot::session
