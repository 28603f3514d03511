// What a hook finds in its environment: schroot's variables (schroot-setup(5)), from what root wrote down and the
// host's user database. Of the session's owner there are the values of the keys that root lets him set.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/spec.h"
#include "session/stage.h"

namespace unionroot::session {

// "setup.my-key" -> "SETUP_MY_KEY".
std::string variable_of_key(std::string_view key);

// False for names that change how shells, interpreters and the dynamic linker work, and not what a script does.
bool may_be_user_data(std::string_view variable);

struct HookPlace {
  std::string folder;    // of all sessions' trees: MOUNT_DIR
  std::string location;  // of this session's: CHROOT_PATH
};

// NAME=VALUE, sorted. Keys of user data that are left out are said in `notes`.
std::vector<std::string> hook_environment(const Operation& operation, const launch::User& owner, const HookPlace& place,
                                          std::vector<std::string>& notes);

// The session's owner; if the host knows him no more, what is known from the session.
launch::User hook_owner(const Operation& operation);

}  // namespace unionroot::session
