// From what a client asks for to a launch spec. Reads the session's tree; starts nothing.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"
#include "launch/spec.h"
#include "session/requests.h"

namespace unionroot::session {

// The login shell that is taken, and those before it that are not there, each with an errno.
struct LoginShell {
  std::string path;
  std::vector<std::pair<std::string, int>> not_there;
  bool is_another = false;  // than the first that was to be taken
};

struct LaunchRequest {
  launch::LaunchSpec spec;
  std::optional<std::string> callers_groups;  // the text of its caller's /proc/PID/cgroup; nullopt: the daemon's own
  base::UniqueFd callers_network;             // where it is another than the daemon's, and the definition wants it
  LoginShell shell;                           // where a login shell is run
  std::optional<launch::User> not_inside;     // who the command runs as, if the tree does not know that uid
};

// `root`: a descriptor of the session's root. Throws Error: no such user, bad arguments or environment.
LaunchRequest launch_request(const RunRequest& request, const definition::Definition& definition,
                             const store::SessionIdentity& session, int root, const std::string& run);

}  // namespace unionroot::session
