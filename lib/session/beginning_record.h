// The record of what a session's upper layer held at its beginning: what unionroot and the administrator's hooks put
// there is no change of the session's. It lies beside the upper layer, where no user gets to, and goes with it.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "session/session.h"
#include "tree/written_file.h"

namespace unionroot::session {

// While a session is begun, and nobody but this daemon and the hooks can write to its upper layer yet. An earlier
// record is replaced. Throws Error(cancelled), SystemError.
void note_beginning(const Operation& operation);
// resolv.conf was written anew by this daemon.
void note_resolv_conf(Services& services, const Session& session);
// These were, or are otherwise what they were at the beginning. What is not there has no entry any more.
void note_again(const Operation& operation, const std::vector<std::string>& paths);

// Files of the upper layer that this daemon writes while the session is used. What nobody has changed before is no
// change of the session's afterwards either. Made after they were read, and before they are written if nobody has
// changed them in between.
class WrittenFiles {
 public:
  WrittenFiles(Services& services, const Session& session, const std::vector<std::string>& paths);
  // Afterwards: of what was written. What somebody has changed since is his.
  void note(Services& services, const Session& session, const std::vector<tree::WrittenFile>& written) const;

 private:
  bool has_record_ = false;
  std::vector<std::string> paths_;  // of those that were unchanged
};

// The record in the folder of an upper layer (layer_places.h); -1 if there is none.
base::UniqueFd open_beginning(const std::string& store);
// Its bytes, 64 MiB at most. Throws Error, SystemError.
std::string read_beginning(int record);

}  // namespace unionroot::session
