// What the session library is asked, and what it answers.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "definition/registry.h"
#include "events/event.h"
#include "session/progress.h"
#include "session/shown.h"
#include "store/history.h"
#include "store/store.h"

namespace unionroot::session {

// How long a request waits for another operation on its session that is almost over. A command that is just being
// started, or a session that has just begun, is no reason to refuse.
inline constexpr std::chrono::seconds grace_period{2};

struct Caller {
  uid_t uid = 0;
  std::string name;
  pid_t pid = 0;
  std::optional<std::uint64_t> start_time;  // of that process, where it is known: its pid may be another's by now
};

struct BeginRequest {
  definition::DefinitionPtr definition;
  std::string selected_name;  // what was asked for, "source:sid"
  std::string name;           // wanted session id; empty: <chroot>-<uuid>
  bool source = false;
  store::SessionKind kind = store::SessionKind::preserved;
  std::map<std::string, std::string> options;
  Caller owner;
  bool owner_may_be_root = false;  // the definition's lists let the owner be root inside
  // By the schroot front end: it waits for the tree for as long as the settings say, if nothing else is asked for, and
  // a change of it holds nobody back meanwhile.
  bool front_end = false;
  // A change waits without holding back later sessions.
  bool yields = false;
  // How long to wait for a source change to end; nullopt: not at all; negative: without end.
  std::optional<std::chrono::milliseconds> wait;
  std::function<bool()> cancelled;  // asked while waiting and in long stages; may be empty
  TellProgress progress;            // called on the thread that begins it; must not block; may be empty
};

// A session of schroot's on an overlay that is to become one of this daemon's. What is here was root's to write.
struct TakeOverRequest {
  BeginRequest begin;    // as it would be begun: its chroot, name, owner
  std::string file;      // schroot's of the session
  std::string overlay;   // the folder of its layer: `upper` and `work`
  std::string underlay;  // where schroot mounts its tree; empty: nowhere
  std::string location;  // and where the session
};

// Which session is meant. By its name alone it is whichever has that name when the operation begins; with the time of
// its creation it is that one or none: who was asked about a session must not act on a later one of the same name.
struct SessionId {
  SessionId(std::string name, std::optional<std::int64_t> begun = std::nullopt) : id(std::move(name)), created(begun) {}
  SessionId(const char* name) : id(name) {}
  explicit SessionId(const store::SessionIdentity& session) : id(session.id), created(session.created) {}
  std::string id;
  std::optional<std::int64_t> created;
};

// A run that goes on when its client has gone.
struct DetachWish {
  std::chrono::milliseconds timeout{0};  // until SIGTERM; 0: none
  std::chrono::milliseconds grace{0};    // and from there until it is killed
};

struct RunRequest {
  std::string session;
  std::optional<std::int64_t> session_created;  // as in SessionId
  std::vector<std::string> command;             // empty: login shell
  std::string user;                             // wanted user; empty: the caller's own
  uid_t target_uid = 0;                         // what was authorized; the user found must have it
  bool owner_may_be_root = false;               // of the session, by the lists of its definition
  bool front_end = false;                       // by the schroot front end: directory and environment are as schroot's
  std::string directory;                        // that was asked for; empty: none was
  std::string callers_directory;                // its working directory; empty: it does not count
  bool preserve_environment = false;
  std::vector<std::string> environment;      // the caller's
  std::vector<std::string> set_environment;  // NAME=VALUE: what it has in the place of anything else
  std::string shell;                         // instead of the user's own; empty: that one
  std::string terminal_type;                 // TERM; empty: none
  std::optional<DetachWish> detached;        // its streams are not the caller's
  bool terminal = false;
  unsigned short rows = 24, columns = 80;
  Caller caller;
  int standard[3] = {-1, -1, -1};  // borrowed
};

// What the commands of a session have changed is written to a pipe, as layers/list.h has it.
struct DiffRequest {
  SessionId session;
  std::vector<std::string> paths;  // relative to the session's root; none: all
  int output = -1;                 // the pipe; borrowed
  uid_t caller = 0;
};

// What the commands of a session have changed is taken back.
struct ResetRequest {
  SessionId session;
  std::vector<std::string> paths;  // relative to the session's root; none: all
  std::vector<std::string> keep;   // patterns of what stays (layers/reset_plan.h)
};

// What a session has now is kept under a name.
struct SnapshotRequest {
  SessionId session;
  std::string name;  // empty: the next number
};

// What was changed after a snapshot, and snapshots after it, are thrown away.
struct RollbackRequest {
  SessionId session;
  std::string snapshot;
};

// New sessions that begin with everything that another has, or had.
struct CloneRequest {
  SessionId session;
  std::string snapshot;  // empty: what it has now
  unsigned count = 1;
  BeginRequest begin;  // with the session's definition; of several, `name` is the start of each name
};

constexpr unsigned most_clones = 1000;  // by one request
// Of one of them, from 1 on.
std::string clone_name(const CloneRequest& request, unsigned number);

struct SnapshotView {
  std::string name;
  std::int64_t created = 0;  // microseconds since the epoch
  std::uint64_t bytes = 0;   // what it has beyond the one before it
  bool whole = true;         // false: it has more
};

// What the commands of a session have changed is written into its tree.
struct ApplyRequest {
  SessionId session{""};
  std::vector<std::string> paths;                  // relative to the session's root; none: all
  bool exact = false;                              // these alone, and not what is beneath them
  std::vector<std::string> exclude, ours, theirs;  // as in layers::ApplyWish
  bool dry_run = false;                            // only what would be done is told
  Caller caller;
};

struct ApplyResult {
  std::string id;                  // of what can be undone; empty: nothing was to be done, or dry_run
  std::vector<std::string> lines;  // what was applied, at most 10 000: "A /path", "R /former -> /path"
  std::size_t count = 0;           // how many there are
};

// What was applied to a tree and can be taken back.
struct AppliedView {
  std::string id, chroot, session, tree;
  std::int64_t since = 0;  // microseconds since the epoch
};

struct RunView : store::RunRecord {
  bool left_processes = false;  // its command has ended, and these go on
  bool detached = false;
};

// What a detached command has written.
struct RunOutput {
  base::UniqueFd file;        // for reading
  base::UniqueFd supervisor;  // readable once nothing can be added any more; empty: that is so
};

// A copy of what a session shows, for listings.
struct SessionView : ShownDetails {
  store::SessionRecord record;  // without the notes, which are in `notes`
  definition::DefinitionPtr definition;
  std::string type;      // of the definition
  std::string location;  // host view; empty if it has none
  std::vector<RunView> runs;
  // In bytes; where the upper layer has a file system of its own (tmpfs, image, device), and not in listings of all
  // sessions.
  std::optional<std::uint64_t> upper_size, upper_used;
};

// A command that was started.
struct Started {
  std::string session;
  std::string run;
  base::UniqueFd control;
};

// How a session is to be ended.
struct EndWish {
  bool force = false;    // what is under way is cancelled, and it is forgotten whatever is left of it
  bool discard = false;  // what was changed in a copy of its source is not put into the source
};

struct EndResult {
  std::vector<std::string> could_not_undo;  // with --force: what is left, and what to do
};

// A run's supervisor was started, or found again when the daemon started.
struct StartedRun {
  std::string id;
  uid_t owner = 0;           // of its session
  bool ends_slowly = false;  // the session, which ends with it
  int pidfd = -1;            // of the supervisor; borrowed
  int end = -1;              // for launch::read_end; borrowed; -1: not known
};

// Whether the end of such a session may take seconds: it runs scripts, packs a tree or removes a snapshot.
bool ends_slowly(const definition::Definition& definition, bool source);

// Of a request that needs the session for itself.
[[nodiscard]] base::Error busy(const std::string& session, store::SessionState state);

// Called on worker threads, after the change; must not block.
struct Events {
  // It is being begun; session_changed follows once it has been, session_removed if it could not be.
  std::function<void(const std::string& session)> session_added;
  std::function<void(const std::string& session)> session_changed;
  std::function<void(const std::string& session)> session_removed;
  TellProgress progress;  // of every operation; session_changed says that nothing is under way any more
  std::function<void(const events::Event& event)> happened;  // for the journal; from any thread
  // A run has ended, and this is how, whether or not the history could take it. Told before the run leaves its session,
  // and before run_ended returns; from any thread.
  std::function<void(const store::PastRun& past)> run_told;
  // A run was started: the bus layer watches both descriptors, and calls run_ended when the supervisor has ended, and
  // before that if the command has ended and left processes.
  std::function<void(const StartedRun& run)> run_started;
  // A program reads a session's layers for somebody: the bus layer watches the descriptor, which is borrowed, and calls
  // reader_ended when it is readable.
  std::function<void(std::uint64_t number, int pidfd)> reader_started;
};

}  // namespace unionroot::session
