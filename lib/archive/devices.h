// Private to archive: which devices a tree may have, and who may open them.
#pragma once

#include <sys/types.h>

#include <string>

#include "archive/member.h"

namespace unionroot::archive::detail {

// True if a tree may have the device at that path: it does no harm, or it is in the tree's own /dev, or old base
// systems keep it there for their /dev. `mode` includes the type, S_IFCHR or S_IFBLK.
bool device_belongs_there(const std::string& path, mode_t mode, uid_t owner, dev_t device);

// Reduces the access to a device to what this machine's own node with that number permits. An owner or group that is
// not root, and others, get no more than there, and nothing if the machine has no such node. True if the member was
// changed.
bool limit_access(Member& member);

}  // namespace unionroot::archive::detail
