// A session, and who may reach which part of it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/unique_fd.h"
#include "definition/definition.h"
#include "locks/source_lock.h"
#include "mount/namespace.h"
#include "owned/token.h"
#include "session/operation_lock.h"
#include "session/services.h"
#include "session/shown.h"
#include "session/stage_data.h"
#include "store/store.h"
#include "tree/host_files.h"

namespace unionroot::session {

class Session;
using SessionPtr = std::shared_ptr<Session>;

// See files_layers.h.
struct FilesLayer {
  std::string name;
  std::string path;                // on the host
  std::vector<std::string> notes;  // of the writing
};

// What a session is made of while the daemon runs. Its stages fill it in, and fill it in again when it is recovered.
struct SetUp {
  std::vector<std::string> directories;   // of the source on the host, top layer first
  std::vector<base::UniqueFd> layers;     // detached trees, top first: what the union stage lays; consumed by it
  std::optional<mount::Namespace> space;  // the session's mount namespace
  std::shared_ptr<const FilesLayer> files_layer;  // the top lower layer, if its files are written already
  std::vector<locks::HeldLock> locks;

  std::uint64_t view_mount = 0;    // mount_number() of the host view that was taken away; 0: none is known
  bool owner_may_be_root = false;  // by the lists that it was begun with
  bool measurable = false;         // its upper layer has a file system of its own, whose statfs(2) is the root's
  bool removed = false;            // it has ended, and everybody was told so
  bool begun = false;              // it was active once: what it did to its source counts
  bool accept_source = false;      // while recovering: the source may be another one than at the begin
  bool recovering = false;         // set-up of a session that has an upper layer already
  bool overlay_watched = false;    // since it was torn down: HeldSessions knows whether the former overlay is gone
  std::string why_not_frozen;      // its upper layer was to be frozen, and was not
  // Of a session that begins with what another has: the record of the beginning (beginning_record.h) that its frozen
  // layers come with, and the trees that they were made on.
  std::shared_ptr<const std::string> cloned_beginning;
  std::optional<TreeData> cloned_tree;
  // False: what was changed in a copy of its source stays where it is, and is not put into the source when it ends.
  bool puts_back = true;
  std::size_t notes_logged = 0;                   // so many of its notes are in the log
  std::vector<store::StageRecord> unwritten;      // what the next commit writes of its stages
  std::function<bool()> cancelled;                // asked in long stages; may be empty
  std::function<void(const Progress&)> progress;  // told in long stages, often; may be empty
  // Called once when the session is set up again, while nothing is mounted on its layers. store: as in_store() has it,
  // and the folder in it. It may not throw.
  std::function<void(int store, const std::string& folder)> before_overlay;
};

// A command that runs in a session.
struct Run {
  store::RunRecord record;
  base::UniqueFd pidfd;
  base::UniqueFd hold;          // keeps the client waiting until an automatic session has gone: launch/launcher.h
  bool left_processes = false;  // its command has ended, and its supervisor stays with them
  bool detached = false;        // its output is kept (outputs.h)
  bool end_is_told = false;     // past_runs.h
};
using Runs = std::map<std::string, Run>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  // services: borrowed. definition: the source variant, for a source session.
  Session(Services& services, store::SessionRecord record, std::shared_ptr<const definition::Definition> definition,
          std::vector<StageEntry> stages = {}, bool taken_up = false);

  const store::SessionIdentity identity;
  const std::shared_ptr<const definition::Definition> definition;
  const bool taken_up;  // from a former daemon, whose commands may hold locks for it

  [[nodiscard]] const std::string& id() const { return identity.id; }
  [[nodiscard]] bool automatic() const { return identity.kind == store::SessionKind::automatic; }
  // What it makes outside has this mark.
  [[nodiscard]] owned::Token token() const { return {services_.daemon, identity.created, identity.id}; }
  [[nodiscard]] store::SessionState state() const { return shown.lock()->state; }
  [[nodiscard]] std::size_t run_count() const { return runs.lock()->size(); }
  // Without those whose command has ended.
  [[nodiscard]] std::size_t running_count() const;

  base::Guarded<Shown> shown;
  base::Guarded<Runs> runs;
  // The keys of what is locked. How a command ended is noted with them without an operation.
  base::Guarded<std::vector<std::string>> trees;
  // Which of the host's resolv.confs the session's was last compared with.
  base::Guarded<tree::FileVersion> resolver;

  // Somebody ends it by force: whatever is under way and can be cancelled is.
  std::atomic<bool> end_wanted{false};
  // It is active, but the store is told so with its first run (ends_with_its_run).
  std::atomic<bool> active_with_run{false};

 private:
  friend class Operation;
  friend class SharedOperation;

  Services& services_;
  OperationLock operation_;
  std::atomic<unsigned> waiting_{0};  // for an exclusive operation
  SetUp set_up_;                      // guarded by operation_
};

// The exclusive hold on a session: set-up, tear-down, recovery. `operation->` is what set-up makes. Its end leaves the
// session at rest: held by its mount namespace alone.
class Operation {
 public:
  explicit Operation(SessionPtr session);  // waits until no other operation is under way
  // nullopt if another one is under way for longer.
  static std::optional<Operation> within(std::chrono::milliseconds limit, SessionPtr session);
  Operation(Operation&&) noexcept = default;
  Operation& operator=(Operation&&) = delete;
  ~Operation();

  [[nodiscard]] Session& session() const { return *session_; }
  [[nodiscard]] const SessionPtr& pointer() const { return session_; }
  [[nodiscard]] const std::string& id() const { return session_->identity.id; }
  [[nodiscard]] const store::SessionIdentity& identity() const { return session_->identity; }
  [[nodiscard]] const definition::Definition& definition() const { return *session_->definition; }
  [[nodiscard]] bool automatic() const { return session_->automatic(); }
  [[nodiscard]] bool is_source() const { return session_->identity.source; }
  [[nodiscard]] owned::Token token() const { return session_->token(); }
  [[nodiscard]] Services& services() const { return session_->services_; }

  SetUp* operator->() { return &session_->set_up_; }
  const SetUp* operator->() const { return &session_->set_up_; }

  [[nodiscard]] bool cancelled() const { return session_->set_up_.cancelled && session_->set_up_.cancelled(); }
  void report(const Progress& progress) const;  // to whoever wants to see it; as often as one likes
  void note(std::string text);                  // worth telling: conflicts, skipped files
  void notes(std::vector<std::string> texts);
  [[nodiscard]] std::string upper() const;
  void set_upper(std::string path);

 private:
  Operation(SessionPtr session, std::unique_lock<OperationLock> lock);

  SessionPtr session_;
  std::unique_lock<OperationLock> lock_;
};

// Keeps a session as it is: a command is started, its size is measured. Several at once.
class SharedOperation {
 public:
  // nullopt if an exclusive one is under way for longer.
  static std::optional<SharedOperation> within(std::chrono::milliseconds limit, SessionPtr session);
  // nullopt if an exclusive one is under way, or waits: whoever just looks must not keep it from beginning.
  static std::optional<SharedOperation> at_once(SessionPtr session);
  const SetUp* operator->() const { return &session_->set_up_; }

 private:
  SharedOperation(SessionPtr session, std::shared_lock<OperationLock> lock);

  SessionPtr session_;
  std::shared_lock<OperationLock> lock_;
};

// Whether what is changed in it is put into its source when it ends, and not before: a source session on a tarball.
// That takes long, and what was changed must not be forgotten if it fails.
bool is_put_back(const Operation& operation);

}  // namespace unionroot::session
