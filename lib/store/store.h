// What the daemon must remember: sessions, the stages that each went through, and runs. SQLite in WAL mode.
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

// What a session is, from its begin to its end.
struct SessionIdentity {
  std::string id;
  std::string chroot;         // name of the definition
  std::string selected_name;  // the name or alias that was asked for, with its namespace if one was given
  std::string definition;     // definition::serialize
  SessionKind kind = SessionKind::preserved;
  bool source = false;  // a source session
  uid_t owner = 0;
  std::string owner_name;
  std::int64_t created = 0;  // microseconds since the epoch
  std::string options;       // JSON object: the options it was begun with
  bool front_end = false;    // begun by the schroot front end
  bool marked = true;        // what it made outside has its token; false for a session of a former version
};

// How a session fares.
struct SessionStatus {
  SessionState state = SessionState::beginning;
  std::string boot_id;  // the boot in which it was last set up
  std::string error;    // why it failed, and what could not be undone
};

struct SessionRecord : SessionIdentity, SessionStatus {
  std::string notes = "[]";  // JSON array: what was noticed when it was set up
};

// The database knows 'undoing' too, which nothing writes.
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
  uid_t uid = 0;           // inside
  std::string user;        // inside
  std::string command;     // for people
  std::string cgroup;      // relative to the daemon's; may be empty
  std::int64_t since = 0;  // microseconds since the epoch
  std::string network;     // which it has; empty: a former version did not say
  // Who asked for it. Empty and -1: a former version did not say.
  uid_t caller = static_cast<uid_t>(-1);
  std::string caller_name = {};
};

// A change of a source tree that did not come to a good end.
struct SourceTrouble {
  std::string tree;  // locks::tree_key
  std::string session;
  std::string owner;    // who changed it
  std::int64_t at = 0;  // microseconds since the epoch
  std::string what;
};

// Thread-safe: one connection, reached only through its lock. Every method throws Error(failed | no_space) with
// what SQLite said. A write that returns is in the write-ahead log: it survives the end of the daemon, and, if
// `durable`, power loss too (synchronous=FULL for that commit alone).
class Store {
 public:
  // Opens or creates <file>, migrates it to the current schema, checks it (quick_check). A corrupt file is set aside
  // as <file>.corrupt-<time> (with its -wal and -shm), never overwritten; then set_aside() names it. A database of a
  // newer schema than this program knows is an error, and is left as it is.
  // Another process that holds the database is waited for as long as busy_timeout; then Error(failed) names the file.
  // On a copy-on-write file system no other process can open the file while the store lives.
  explicit Store(const std::string& file, std::chrono::milliseconds busy_timeout = std::chrono::seconds(5));
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const std::optional<std::string>& set_aside() const;

  // False for a database that was made anew, until its maker says that it has every session that is to be found.
  [[nodiscard]] bool complete() const;
  void set_complete();

  // Of the daemon whose database this is; nullopt for one that was made anew, or by a former version.
  [[nodiscard]] std::optional<std::string> daemon_id() const;
  void set_daemon_id(const std::string& id);

  // Throws Error(session_exists) if the id is taken.
  void add_session(const SessionRecord& session);
  // The state, error, boot_id and notes of an existing session.
  void update_session(const SessionRecord& session, bool durable = false);
  void set_marked(const std::string& id);                            // what it made outside has its token now
  void remove_session(const std::string& id, bool durable = false);  // with its stages and runs
  [[nodiscard]] std::optional<SessionRecord> session(const std::string& id) const;
  [[nodiscard]] std::vector<SessionRecord> sessions() const;

  // Inserts or replaces, by session and position. One transaction for all of them, so that 'done' of one stage and
  // 'starting' of the next cost one commit.
  void put_stages(const std::string& session, const std::vector<StageRecord>& stages);
  [[nodiscard]] std::vector<StageRecord> stages(const std::string& session) const;  // by position

  // begin's last step: the last stage done, and the session active, in one commit.
  void activate(const SessionRecord& session, const std::vector<StageRecord>& stages, bool durable);

  // `active`: its session, if that becomes active with the run; then one commit does what `activate`, not durable, and
  // this would do.
  void add_run(const RunRecord& run, const SessionRecord* active = nullptr,
               const std::vector<StageRecord>& stages = {});
  void remove_run(const std::string& id);
  [[nodiscard]] std::vector<RunRecord> runs() const;

  // One a tree: the later replaces the earlier.
  void put_source_trouble(const SourceTrouble& trouble);
  // Forgets it if it is of that session.
  void remove_source_trouble_of(const std::string& tree, const std::string& session);
  // Forgets it if it is of any other session.
  void remove_source_trouble_of_others(const std::string& tree, const std::string& session);
  [[nodiscard]] std::optional<SourceTrouble> source_trouble(const std::string& tree) const;

  void checkpoint();  // when idle: truncates the write-ahead log

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::store
