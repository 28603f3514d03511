// Network namespaces, network_namespaces(7).
#pragma once

#include <functional>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// Makes a network namespace. It contains only a loopback interface, which is up. Throws SystemError.
base::UniqueFd new_network();

// Calls `action` in a new thread in that network, and waits. Rethrows what it throws.
void in_network(int network, const std::function<void()>& action);

// True if the network namespace belongs to this process's user namespace. Then only root there has rights over it.
bool is_of_own_user_namespace(int network);

}  // namespace unionroot::kernel
