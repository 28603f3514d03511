// Sessions: begin, run, end, list, recover. The one door to the core for the bus layer. No D-Bus in here.
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

#include "base/unique_fd.h"
#include "definition/registry.h"
#include "definition/settings.h"
#include "launch/launcher.h"
#include "session/progress.h"
#include "store/store.h"

namespace unionroot::session {

struct Caller {
  uid_t uid = 0;
  std::string name;
  pid_t pid = 0;
  std::string command;                      // for lock files and listings
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
  // How long to wait for a source change to end; nullopt: not at all; negative: without end.
  std::optional<std::chrono::milliseconds> wait;
  std::function<bool()> cancelled;  // asked while waiting and in long stages; may be empty
  TellProgress progress;            // called on the thread that begins it; must not block; may be empty
};

// Which session is meant. By its name alone it is whichever has that name when the operation begins; with the time of
// its creation it is that one or none: who was asked about a session must not act on a later one of the same name.
struct SessionId {
  SessionId(std::string name, std::optional<std::int64_t> begun = std::nullopt) : id(std::move(name)), created(begun) {}
  SessionId(const char* name) : id(name) {}
  explicit SessionId(const store::SessionRecord& record) : id(record.id), created(record.created) {}
  std::string id;
  std::optional<std::int64_t> created;
};

struct RunRequest {
  std::string session;
  std::optional<std::int64_t> session_created;  // as in SessionId
  std::vector<std::string> command;             // empty: login shell
  std::string user;                             // wanted user; empty: the caller's own
  uid_t target_uid = 0;                         // what was authorized; the user found must have it
  std::string directory;                        // empty: the caller's working directory does not count
  bool directory_required = true;               // -d, or a command: only that one
  bool preserve_environment = false;
  std::vector<std::string> environment;  // the caller's
  std::string shell;                     // instead of the user's own; empty: that one
  std::string terminal_type;             // TERM; empty: none
  bool terminal = false;
  unsigned short rows = 24, columns = 80;
  Caller caller;
  int standard[3] = {-1, -1, -1};  // borrowed
};

struct SessionView {  // a copy, for listings
  store::SessionRecord record;
  std::string location;  // host view; empty if it has none
  std::string type;      // of the definition
  std::vector<store::StageRecord> stages;
  std::vector<store::RunRecord> runs;
  std::string upper;  // where the upper layer is on the host; empty if none
  definition::DefinitionPtr definition;
  std::vector<std::string> notes;  // of its set-up: conflicts, what was passed over, what hooks wrote
  // In bytes; where the upper layer has a file system of its own (tmpfs, image, device), and not in listings of all
  // sessions.
  std::optional<std::uint64_t> upper_size, upper_used;
  Progress progress;  // of what is under way; empty if nothing is that takes its time
};

struct EndResult {
  std::vector<std::string> could_not_undo;  // with --force: what is left, and what to do
};

// Called on worker threads, after the change; must not block.
struct Events {
  // It is being begun; session_changed follows once it has been, session_removed if it could not be.
  std::function<void(const std::string& session)> session_added;
  std::function<void(const std::string& session)> session_changed;
  std::function<void(const std::string& session)> session_removed;
  TellProgress progress;  // of every operation; session_changed says that nothing is under way any more
  // A run was started: the bus layer watches pidfd and calls run_ended once it is readable.
  std::function<void(const std::string& run, int pidfd)> run_started;
};

// Thread-safe; every method blocks its calling thread and may be called from any. Operations on one session exclude
// each other: the second fails with Error(session_busy), except `run`, which only needs the session to stay active.
class Manager {
 public:
  Manager(definition::Settings settings, Events events);
  ~Manager();

  // Whether processes are counted and killed by control groups, not by a scan of /proc.
  [[nodiscard]] bool has_control_groups() const;

  // Compares the store, lock files, namespaces, host views, control groups, upper layers and the trash with each
  // other, and puts them right; recovers preserved sessions in parallel. Call once, before anything else.
  void reconcile();

  SessionView begin(const BeginRequest& request);

  struct Started {
    std::string session;
    std::string run;
    base::UniqueFd control;
  };
  Started run(const RunRequest& request);
  // For automatic sessions: begin and run; when the run ends the session ends. If the run cannot be started the
  // session is ended before this throws.
  Started run_automatic(const BeginRequest& begin, RunRequest run);
  // status: what the supervisor ended with (launch::reap); nullopt if nobody can tell, since a former daemon started
  // it.
  void run_ended(const std::string& run);

  // What is to be known of the last change of the definition's source tree, if it did not come to a good end: for
  // people.
  [[nodiscard]] std::optional<std::string> source_trouble(const definition::Definition& definition) const;

  // cancelled: asked while a changed tree is packed into its tarball; the session is `failed` then, with the tree, and
  // the tarball as it was. Nothing else is cancelled, and nothing is with `force`.
  EndResult end(const SessionId& session, bool force, TellProgress progress = {}, std::function<bool()> cancelled = {});
  SessionView recover(const SessionId& session, std::function<bool()> cancelled = {}, TellProgress progress = {});

  [[nodiscard]] std::vector<SessionView> sessions() const;
  [[nodiscard]] std::optional<SessionView> find(const std::string& session) const;
  [[nodiscard]] SessionView require(const std::string& session) const;  // throws Error(no_such_session)

  // Stops the background workers; sessions stay as they are. `final`: the machine shuts down (on-shutdown applies).
  void stop(bool final);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::session
