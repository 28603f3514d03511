// A profile's fstab as a mount plan. Pure: nothing is mounted and no path inside the tree is looked at.
#pragma once

#include "definition/definition.h"
#include "mount/plan.h"

namespace unionroot::mount {

// Throws Error(definition_invalid) "FILE:LINE: ..." for an entry that cannot be honoured: a relative or escaping
// target, an unknown option, an unknown type.
//
// What differs from a literal reading of schroot's profiles, on purpose: /proc, /sys and /dev/pts entries that bind
// the host's become new instances; /dev follows the definition's `dev` key; binds are nosuid and nodev... only where
// the entry says so. Inner file systems are nosuid, noexec, nodev (devpts not nodev, tmpfs on /tmp not noexec).
MountPlan plan_inner_mounts(const definition::Definition& definition);

// "redirect_dir=on,index=off" -> pairs; throws Error(definition_invalid) for an option that overlay does not have or
// that the session manager sets itself (lowerdir, upperdir, workdir, userxattr, volatile).
std::vector<std::pair<std::string, std::string>> overlay_options(const std::string& text);

}  // namespace unionroot::mount
