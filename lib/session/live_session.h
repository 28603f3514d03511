// A session while the daemon runs, and a run in it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "locks/source_lock.h"
#include "session/notes.h"
#include "session/pipeline.h"
#include "session/stage.h"
#include "store/store.h"
#include "tree/host_files.h"

namespace unionroot::session {

struct LiveSession {
  LiveSession(Services& services, const Stages& stages, store::SessionRecord initial,
              std::shared_ptr<const definition::Definition> shape, std::vector<store::StageRecord> stages_so_far)
      : record(std::move(initial)),
        definition(shape),
        context{services,
                record.id,
                std::move(shape),
                record.kind,
                record.owner,
                record.owner_name,
                record.source,
                false,
                {},
                {},
                {},
                {},
                {},
                {},
                {},
                record.state != store::SessionState::beginning},
        pipeline(stages, services.store, std::move(stages_so_far)) {
    context.selected_name = record.selected_name;
    context.notes = notes_from_json(record.notes);
    notes_told = context.notes.size();
  }

  // Guarded by the table's mutex (SessionTable): what listings show.
  store::SessionRecord record;
  std::vector<store::StageRecord> journal;
  std::string upper;
  std::vector<std::string> notes;
  std::weak_ptr<base::UniqueFd> measured;
  Progress progress;

  const std::shared_ptr<const definition::Definition> definition;

  // Exclusive: set-up, tear-down, recovery. Shared: starting a run, which needs the session to stay as it is.
  std::shared_timed_mutex operation;

  // The keys of what is locked. The end of a command is noted with them without `operation`.
  std::mutex trees_mutex;
  std::vector<std::string> trees;

  // Which of the host's resolv.confs the session's was last compared with.
  std::mutex resolver_mutex;
  tree::FileVersion resolver;

  // Somebody ends it by force: whatever is under way and can be cancelled is.
  std::atomic<bool> end_wanted{false};

  // It is active, but the store is to hear of that with its first run (ends_with_its_run).
  std::atomic<bool> active_with_run{false};

  // Guarded by `operation`.
  SessionContext context;
  Pipeline pipeline;
  std::size_t notes_told = 0;  // of the context's, in the log
  std::vector<locks::HeldLock> locks;
  bool taken_up = false;  // from a former daemon, whose commands may hold locks for it; fixed once it is in the table
};

using LiveSessionPtr = std::shared_ptr<LiveSession>;

// Whether what is changed in it is put into its source when it ends, and not before: a source session on a tarball.
// That takes long, and what was changed must not be forgotten if it fails.
bool is_put_back(const LiveSession& session);

struct LiveRun {
  store::RunRecord record;
  base::UniqueFd pidfd;
  base::UniqueFd end;   // launch::read_end
  base::UniqueFd hold;  // keeps the client waiting until an automatic session has gone: launch/launcher.h
};

}  // namespace unionroot::session
