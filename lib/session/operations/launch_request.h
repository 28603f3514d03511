// Converts a client's request to a launch spec. Reads the session's tree; starts nothing.
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

// The login shell, and the preferred ones before it that cannot be used, each with an errno value.
struct LoginShell {
  std::string path;
  std::vector<std::pair<std::string, int>> not_there;
  bool is_another = false;  // not the first choice
};

struct LaunchRequest {
  launch::LaunchSpec spec;
  std::optional<std::string> callers_groups;  // the caller's /proc/PID/cgroup; nullopt: the daemon's own groups
  base::UniqueFd callers_network;             // set if it differs from the daemon's and the definition wants it
  LoginShell shell;                           // only for a login shell
  std::optional<launch::User> not_inside;     // the command's user, if the tree does not know the uid
};

// root: a descriptor of the session's root. Throws Error: no such user, bad arguments or environment.
LaunchRequest launch_request(const RunRequest& request, const definition::Definition& definition,
                             const store::SessionIdentity& session, int root, const std::string& run);

}  // namespace unionroot::session
