// The environment of a hook: schroot's variables (schroot-setup(5)). Their values come from root's configuration and
// the host's user database. The session's owner controls only the values of keys that root lets him set.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/spec.h"
#include "session/stage.h"

namespace unionroot::session {

// "setup.my-key" -> "SETUP_MY_KEY".
std::string variable_of_key(std::string_view key);

// False for names that change how shells, interpreters and the dynamic linker work.
bool may_be_user_data(std::string_view variable);

struct HookPlace {
  std::string folder;    // the folder of all sessions' trees: MOUNT_DIR
  std::string location;  // this session's tree in it: CHROOT_PATH
};

// NAME=VALUE, sorted. Adds a note to `notes` for each key of user data that is left out.
std::vector<std::string> hook_environment(const Operation& operation, const launch::User& owner, const HookPlace& place,
                                          std::vector<std::string>& notes);

// The session's owner. If the host no longer knows the user, the values come from the session.
launch::User hook_owner(const Operation& operation);

}  // namespace unionroot::session
