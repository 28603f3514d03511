// Private to archive: which devices a tree may have, and who may open them.
#pragma once

#include <sys/types.h>

#include <string>

#include "archive/member.h"

namespace unionroot::archive::detail {

// Whether a tree may have that device at that path: one that does no harm, or in the tree's own /dev, or one of those
// that old base systems keep for theirs. mode: with its type, S_IFCHR or S_IFBLK.
bool device_belongs_there(const std::string& path, mode_t mode, uid_t owner, dev_t device);

// Takes from the member, a device, what this machine's own node of that number does not permit: an owner or group that
// is not root's, and others, get no more than there, and nothing where the machine has no such node. True if something
// was taken.
bool limit_access(Member& member);

}  // namespace unionroot::archive::detail
