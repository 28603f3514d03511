// What the daemon must remember: sessions, their stages, and runs. SQLite in WAL mode.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process_identity.h"

namespace unionroot::store {

enum class SessionKind { automatic, preserved };
enum class SessionState { beginning, active, ending, failed, recovering };
std::string_view to_string(SessionKind kind);
std::string_view to_string(SessionState state);

// The part of a session that never changes.
struct SessionIdentity {
  std::string id;
  std::string chroot;         // name of the definition
  std::string selected_name;  // the requested name or alias, with its namespace if one was given
  std::string definition;     // definition::serialize
  SessionKind kind = SessionKind::preserved;
  bool source = false;  // a source session
  uid_t owner = 0;
  std::string owner_name;
  std::int64_t created = 0;  // microseconds since the epoch
  std::string options;       // JSON object: the options of the begin
  bool front_end = false;    // begun through the schroot front end
  bool marked = true;        // the things it made outside carry its token; false for a session of a former version
};

// The part of a session that changes.
struct SessionStatus {
  SessionState state = SessionState::beginning;
  std::string boot_id;  // the boot in which it was last set up
  std::string error;    // why it failed, and what could not be undone
};

struct SessionRecord : SessionIdentity, SessionStatus {
  std::string notes = "[]";  // JSON array: notes from its set-up
};

// The schema also allows 'undoing', which is never written.
enum class StageState { starting, done, undone };
std::string_view to_string(StageState state);

struct StageRecord {
  unsigned position = 0;
  std::string name;
  StageState state = StageState::starting;
  std::string data;  // JSON object: what tear_down and recover need
};

struct RunRecord {
  std::string id;
  std::string session;
  base::ProcessIdentity supervisor;
  uid_t uid = 0;           // inside the session
  std::string user;        // inside the session
  std::string command;     // for people
  std::string cgroup;      // relative to the daemon's control group; may be empty
  std::int64_t since = 0;  // microseconds since the epoch
  std::string network;     // host, caller, none or private; empty: recorded by a former version
  // The user who asked for it. Empty and -1: recorded by a former version.
  uid_t caller = static_cast<uid_t>(-1);
  std::string caller_name = {};
};

// A change of a source tree that did not end well.
struct SourceTrouble {
  std::string tree;  // locks::tree_key
  std::string session;
  std::string owner;    // who changed it
  std::int64_t at = 0;  // microseconds since the epoch
  std::string what;
};

// Thread-safe: one connection, protected by a lock. Every method throws Error(failed | no_space) with SQLite's text. A
// completed write is in the write-ahead log and survives the end of the daemon. A durable write also survives a power
// loss (synchronous=FULL for that commit only).
class Store {
 public:
  // Opens or creates the file, checks it (quick_check) and migrates it to the current schema. A corrupt file is never
  // overwritten. It is renamed to <file>.corrupt-<time>, with its -wal and -shm files, and set_aside() returns the new
  // name. A database with a newer schema is an error and stays unchanged. If another process has locked the database,
  // this waits up to busy_timeout and then throws Error(failed) that names the file. On a copy-on-write file system no
  // other process can open the file while the store exists.
  explicit Store(const std::string& file, std::chrono::milliseconds busy_timeout = std::chrono::seconds(5));
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const std::optional<std::string>& set_aside() const;

  // False for a new database until set_complete() is called. A new database may lack sessions that exist on disk.
  [[nodiscard]] bool complete() const;
  void set_complete();

  // The id of the daemon that owns this database. nullopt if the database is new or was last used by a former version.
  [[nodiscard]] std::optional<std::string> daemon_id() const;
  void set_daemon_id(const std::string& id);

  // Throws Error(session_exists) if the id is taken.
  void add_session(const SessionRecord& session);
  // Writes the state, error, boot_id and notes of an existing session.
  void update_session(const SessionRecord& session, bool durable = false);
  void set_marked(const std::string& id);  // records that the things it made outside carry its token
  void remove_session(const std::string& id, bool durable = false);  // also removes its stages and runs
  [[nodiscard]] std::optional<SessionRecord> session(const std::string& id) const;
  [[nodiscard]] std::vector<SessionRecord> sessions() const;

  // Inserts or replaces stages, by session and position, in one transaction. So 'done' of one stage and 'starting' of
  // the next cost one commit.
  void put_stages(const std::string& session, const std::vector<StageRecord>& stages);
  [[nodiscard]] std::vector<StageRecord> stages(const std::string& session) const;  // by position

  // The last step of a begin: stores the last stages and the active session in one commit.
  void activate(const SessionRecord& session, const std::vector<StageRecord>& stages, bool durable);

  // active: the run's session, if the run makes it active. Then this also does the work of activate(), in the same
  // commit, which is not durable.
  void add_run(const RunRecord& run, const SessionRecord* active = nullptr,
               const std::vector<StageRecord>& stages = {});
  void remove_run(const std::string& id);
  [[nodiscard]] std::vector<RunRecord> runs() const;

  // One record per tree: a new one replaces the old one.
  void put_source_trouble(const SourceTrouble& trouble);
  // Removes the record if it belongs to that session.
  void remove_source_trouble_of(const std::string& tree, const std::string& session);
  // Removes the record if it belongs to another session.
  void remove_source_trouble_of_others(const std::string& tree, const std::string& session);
  [[nodiscard]] std::optional<SourceTrouble> source_trouble(const std::string& tree) const;

  void checkpoint();  // truncates the write-ahead log; call it when idle

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::store
