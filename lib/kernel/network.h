// Network namespaces, network_namespaces(7).
#pragma once

#include <functional>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// A new one. It has a loopback interface, which is up, and nothing else. Throws SystemError.
base::UniqueFd new_network();

// Calls it with a thread that is in that network and ends with it, and waits. What it throws is thrown here.
void in_network(int network, const std::function<void()>& action);

// Whether whoever made it was in this process's user namespace. Its rights count there then, and root's alone.
bool is_of_own_user_namespace(int network);

}  // namespace unionroot::kernel
