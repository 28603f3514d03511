// Sessions, as the daemon asks for them: begin, run, end, list, recover. No D-Bus in here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/launcher.h"
#include "session/folder_use.h"
#include "session/prune/leftover.h"
#include "session/requests.h"
#include "store/history.h"

namespace unionroot::session {

// A session that is being begun. It may have to wait until its trees are free, and holds no thread while it waits. Not
// for several threads at once. Until it has begun its destructor takes away all that there is of it.
class PendingBegin {
 public:
  virtual ~PendingBegin() = default;
  // Goes as far as it can. False: a tree is not free; it is to be called again when worth_trying(). Throws if the
  // session cannot be begun; then nothing is left of it.
  virtual bool go_on() = 0;
  // Instead of go_on(), once one of the two below: throws what the caller is told, and nothing is left of it. It sets
  // nothing up, even if the tree is free by now, so it takes milliseconds.
  [[noreturn]] virtual void give_up() = 0;
  // Looks at lock files. A change that has held back others for as long as it may stops doing so.
  [[nodiscard]] virtual bool worth_trying() = 0;
  // These two do not block; from any thread.
  [[nodiscard]] virtual bool is_cancelled() const = 0;
  // It has waited for as long as it was to wait.
  [[nodiscard]] virtual bool is_over() const = 0;

  // Once it has begun.
  [[nodiscard]] virtual SessionView view() const = 0;
  // The first command, before anybody else reaches the session: that of an automatic session, which ends with it. If
  // the command cannot be started the session is ended before this throws.
  virtual Started run(const RunRequest& request) = 0;
};

// Thread-safe. Operations on one session exclude each other: the second fails with Error(session_busy), except `run`,
// which only needs the session to stay active.
class Sessions {
 public:
  virtual ~Sessions() = default;

  // These may block.
  [[nodiscard]] virtual std::unique_ptr<PendingBegin> prepare(BeginRequest request) = 0;
  virtual Started run(const RunRequest& request) = 0;
  // Once it has started, which is at once. What writes the list goes on by itself.
  virtual void diff(const DiffRequest& request) = 0;
  // Its supervisor has ended, or stays with processes that its command has left: then it is called again later.
  virtual void run_ended(const std::string& run, const launch::RunEnd& end) = 0;
  // cancelled: asked while a changed tree is packed into its tarball; the session is `failed` then, with the tree, and
  // the tarball as it was. Nothing else is cancelled, and nothing is with `force`.
  // wish.discard: throws Error(not_supported) where the source itself was changed. That holds for later ends too, also
  // after a crash, until the session is recovered.
  // who: asked for it; nullopt: nobody did.
  virtual EndResult end(const SessionId& session, EndWish wish, TellProgress progress, std::function<bool()> cancelled,
                        std::optional<events::User> who) = 0;
  // False if there was nothing to take back. cancelled: asked before anything is done. Throws Error(session_busy) if a
  // command runs in it, Error(invalid_argument) if the tree could not become what is asked for.
  virtual bool reset(const ResetRequest& request, std::function<bool()> cancelled, TellProgress progress) = 0;
  // The snapshot's name. These two throw Error(session_busy) if a command runs in it, Error(not_supported) for what has
  // no layer in a folder, Error(limit_exceeded) where it stands on too many.
  virtual std::string snapshot(const SnapshotRequest& request, TellProgress progress) = 0;
  virtual void rollback(const RollbackRequest& request, TellProgress progress) = 0;
  // The first one comes first. Takes seconds at most: sizes are what was counted by then.
  [[nodiscard]] virtual std::vector<SnapshotView> snapshots(const SessionId& session) = 0;
  // All of them or none. What it has now is kept by a snapshot first, unless that is its last snapshot.
  virtual std::vector<SessionView> clone(CloneRequest request) = 0;
  // Into the tree beneath, which nobody else may stand on. As a whole or not at all: throws Error(invalid_argument)
  // naming each conflict, Error(source_locked), Error(session_busy) if a command runs in it. cancelled: asked before
  // anything in the tree is changed.
  virtual ApplyResult apply(const ApplyRequest& request, std::function<bool()> cancelled, TellProgress progress) = 0;
  // What was applied last to a tree, by its id or the session's; "": if there is one alone. may_undo: what else there
  // is counts as if it were not there. Throws
  // Error(invalid_argument).
  [[nodiscard]] virtual AppliedView applied(const std::string& name,
                                            const std::function<bool(const AppliedView&)>& may_undo) const = 0;
  // Takes it back. Throws as apply() does.
  virtual void undo(const std::string& id, const Caller& caller, TellProgress progress) = 0;
  virtual SessionView recover(const SessionId& session, std::function<bool()> cancelled, TellProgress progress,
                              bool accept_source) = 0;
  // It is set up, and stays. Its files are moved. Should it be broken off, by power failure too, they are all schroot's
  // still, or all of a session that failed and can be recovered; the same request goes on from there.
  virtual SessionView take_over(TakeOverRequest request) = 0;
  // What is to be known of the last change of the definition's source tree, if it did not come to a good end: for
  // people. whole: also what went wrong, which names commands, and so is for root alone.
  [[nodiscard]] virtual std::optional<std::string> source_trouble(const definition::Definition& definition,
                                                                  bool whole) const = 0;
  // What lies on the machine and belongs to no session. chroots: all that are defined.
  [[nodiscard]] virtual Leftovers leftovers(const definition::Snapshot& chroots) const = 0;
  // One of them, by its name. Throws Error(invalid_argument) if there is no such thing, Error(session_busy) if it is
  // taken into use.
  virtual void remove_leftover(const definition::Snapshot& chroots, const std::string& name) = 0;
  // Cached trees on which nobody stands, and whose tarball or image no chroot names.
  virtual void drop_unwanted_caches(const definition::Snapshot& chroots) = 0;
  // Which commands have ended. Throws Error(not_supported) if that is not kept, Error(failed).
  [[nodiscard]] virtual std::vector<store::PastRun> history(const store::HistoryWish& wish) const = 0;
  // How much the upper layers take, of the sessions that are wanted.
  [[nodiscard]] virtual std::vector<UpperUse> usage(const std::function<bool(const SessionView&)>& wanted) const = 0;
  // The run of that id that has ended; nullopt if it is not known. Throws as history() does.
  [[nodiscard]] virtual std::optional<store::PastRun> past_run(const std::string& run) const = 0;
  // Of a detached run; `caller` asked for it. file is empty if there is none, or it is not kept any more.
  [[nodiscard]] virtual RunOutput output(const std::string& run, uid_t caller) const = 0;
  // Sends the signal to all processes of a run. How many had it: 0 if it has ended.
  virtual std::size_t signal_run(const std::string& run, int number) = 0;
  // Fills in size and use of the upper layer.
  virtual void measure(SessionView& view) const = 0;

  // These do not.
  virtual void reader_ended(std::uint64_t number) = 0;
  // The daemon is about to stop: what takes long gives up soon.
  virtual void prepare_stop() noexcept = 0;
  // Breaks off what is under way on the session and can be broken off, for an end by force. Nothing if it has gone.
  virtual void cancel(const SessionId& session) noexcept = 0;
  // Whether something is under way on it that an end waits for.
  [[nodiscard]] virtual bool is_busy(const SessionId& session) const = 0;
  [[nodiscard]] virtual std::vector<SessionView> sessions() const = 0;
  [[nodiscard]] virtual std::optional<SessionView> find(const std::string& session) const = 0;
  // In which that run is; nullopt if it has ended, and left nothing.
  [[nodiscard]] virtual std::optional<SessionView> find_by_run(const std::string& run) const = 0;
  [[nodiscard]] virtual SessionView require(const std::string& session) const = 0;  // throws Error(no_such_session)
  // Readable when a lock was given back (LockDirectory::watch); none: nobody tells.
  [[nodiscard]] virtual base::UniqueFd watch_locks() const = 0;
};

}  // namespace unionroot::session
