// The record of what a session's upper layer held at its beginning. What unionroot and the administrator's hooks put
// there is not a change made by the session. The record lies beside the upper layer, where no user has access, and is
// removed with it.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "session/session.h"
#include "tree/written_file.h"

namespace unionroot::session {

// Call this while a session begins, when only this daemon and the hooks can write to its upper layer. Replaces an
// earlier record. Does nothing in a recovery. Throws Error(cancelled), SystemError.
void note_beginning(const Operation& operation);
// Records resolv.conf after this daemon wrote it again.
void note_resolv_conf(Services& services, const Session& session);
// Records these paths as they are now. A path that does not exist loses its entry.
void note_again(const Operation& operation, const std::vector<std::string>& paths);

// Files of the upper layer that this daemon writes while the session is in use. A file that nobody changed before does
// not count as a change of the session afterwards. Make this after the files are read and before they are written. They
// are written only if nobody changed them in between.
class WrittenFiles {
 public:
  WrittenFiles(Services& services, const Session& session, const std::vector<std::string>& paths);
  // Call this after writing. A file that somebody changed since is not recorded.
  void note(Services& services, const Session& session, const std::vector<tree::WrittenFile>& written) const;

 private:
  bool has_record_ = false;
  std::vector<std::string> paths_;  // the files that were unchanged
};

// The record in the folder of an upper layer (layer_places.h); empty if it cannot be opened.
base::UniqueFd open_beginning(const std::string& store);
// Reads up to 64 MiB. Throws Error, SystemError.
std::string read_beginning(int record);
// A record of the same form, beside the upper layer in the folder `own`; empty if there is none. Throws SystemError.
std::string read_record_beside(int own, const std::string& name);

}  // namespace unionroot::session
