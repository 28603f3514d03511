// A profile's fstab as a mount plan. Pure: nothing is mounted and no path inside the tree is looked at.
#pragma once

#include "definition/definition.h"
#include "mount/plan.h"

namespace unionroot::fstab {

// Throws Error(definition_invalid) "FILE:LINE: ..." for an entry that cannot be honoured: a relative or escaping
// target, an unknown option, an unknown type.
//
// What differs from a literal reading of schroot's profiles, on purpose:
//  - /proc, /sys and /dev/pts entries that bind the host's own become new instances. They are writable where the entry
//    says rw: uid 0 in a session is the machine's root, so a read-only /sys would keep nothing from it, and would
//    break what package scripts expect; `ro` makes it read-only.
//  - /dev follows the definition's `dev` key: private, or the host's with terminals of its own. A private one, which
//    an entry for anything beneath /dev asks for too, has /dev/pts and /dev/shm even if the profile does not list them.
//    An rbind of /sys is the host's, with what is mounted in it.
//  - Binds have the attributes that the entry names (and those of the mount they come from); the type and options of a
//    file system mean nothing to them, as to mount(8). Inner file systems are nosuid, noexec, nodev, except that devpts
//    is not nodev, and a tmpfs is as it is written. `suid`, `exec` and `dev` take these off.
//  - A bind is private and an rbind a slave of the host's unless the entry says otherwise; `shared` is refused.
//  - x-unionroot.view: a host view of the tree alone has it too.
//  - swap entries are left out; x-unionroot.optional and nofail make a missing source no error.
//  - An overlay entry's lowerdir, upperdir and workdir are folders of the host. Without lowerdir it lies over what the
//    session itself has at the target.
// Of type=plain it is empty.
mount::MountPlan plan_inner_mounts(const definition::Definition& definition);

// The upperdir and workdir of the profile's overlay entries, as absolute paths: each serves one session at a time.
// Throws as plan_inner_mounts does.
std::vector<std::string> folders_written_by_overlays(const definition::Definition& definition);

// "FILE:LINE: ..." for each option that means nothing to the bind at which it stands, and is passed over as by
// mount(8). Throws as plan_inner_mounts does.
std::vector<std::string> options_without_effect(const definition::Definition& definition);

}  // namespace unionroot::fstab
