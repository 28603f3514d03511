// Where a session's data lies on the host.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"
#include "definition/settings.h"
#include "owned/token.h"
#include "session/trash.h"

namespace unionroot::session {

// <state>/sessions, or the definition's union-overlay-directory; each session has a folder of its id in it.
std::string sessions_folder(const definition::Settings& settings, const definition::Definition& definition);
// Every folder that sessions were ever begun in: <state>/overlay-directories has the others than our own, one a line.
// What is left in one must be found although the definition that named it has changed, and the database may be lost.
// Thread-safe.
class SessionFolders {
 public:
  explicit SessionFolders(const definition::Settings& settings);
  void load();
  // Before anything of a session is made in it. On the disk when this returns.
  void remember(const std::string& folder);
  [[nodiscard]] const std::string& own() const { return own_; }
  [[nodiscard]] std::vector<std::string> all() const;  // those that exist, our own first

 private:
  const std::string state_;
  const std::string own_;
  mutable std::mutex mutex_;
  std::set<std::string> others_;
};

// A folder of sessions, made if it is missing. Throws Error(stage_failed) if others than root can change it, or put
// another in its place: what is in it is believed.
base::UniqueFd ensure_sessions_folder(const std::string& path);
// The folder of one session, made with its token if it is missing, for root alone: whoever is to see inside has the
// host view. Throws Error(session_exists) if what is there is not the session's.
base::UniqueFd ensure_session_folder(const std::string& sessions_folder, const owned::Token& session);
// Removes it, with all that is in it, if it is the session's; also one that was not finished. Idempotent.
void discard_session_folder(Trash& trash, const std::string& sessions_folder, const std::string& trash_folder,
                            const owned::Token& session);
// Whether the folder of a session that is not known is this daemon's. In a union-overlay-directory others keep theirs
// too: schroot's own upper layers look the same.
bool is_ours(const definition::Settings& settings, const std::string& daemon, int sessions,
             const std::string& sessions_folder, const std::string& name);
// A folder that a session of a former version made, which wrote no token, gets it. One that has another's stays as it
// is.
void mark_former_folder(const definition::Settings& settings, const std::string& sessions_folder,
                        const owned::Token& session);

// For what lies in the state directory: on the same file system, so that a rename suffices.
std::string trash_folder(const definition::Settings& settings);
// For what lies in a folder of sessions.
std::string trash_folder(const definition::Settings& settings, const std::string& sessions_folder);
// For a definition's sessions.
std::string trash_folder(const definition::Settings& settings, const definition::Definition& definition);
// Of a folder of sessions: <state>/layers for our own, else .unionroot-layers beside the sessions; see frozen_layers.h.
std::string layers_folder(const definition::Settings& settings, const std::string& sessions_folder);
// <state>/orphans: upper layers without a record, never deleted by the daemon.
std::string orphans_folder(const definition::Settings& settings);
// Of a folder of sessions: <state>/orphans for our own, else .unionroot-orphans beside the sessions.
std::string orphans_folder(const definition::Settings& settings, const std::string& sessions_folder);

}  // namespace unionroot::session
