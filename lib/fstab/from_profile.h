// Turns a profile's fstab into a mount plan. Mounts nothing and looks at no path inside the tree.
#pragma once

#include "definition/definition.h"
#include "mount/plan.h"

namespace unionroot::fstab {

// Throws Error(definition_invalid) "FILE:LINE: ..." for an entry that is not possible: its target is relative or
// contains
// "..", or its option or type is unknown.
//
// These differences from a literal reading of schroot's profiles are intended:
//  - Entries that bind the host's /proc, /sys or /dev/pts become new instances. They are writable unless the entry says
//    `ro`. uid 0 in a session is the machine's root, so a read-only /sys would not protect anything, and would break
//    package scripts.
//  - /dev follows the key `dev` of the definition: private, or the host's with terminals of its own. With dev=private,
//    an entry for anything beneath /dev makes a private one too. A private /dev has /dev/pts and /dev/shm even if the
//    profile does not list them. An rbind of /sys is the host's, with what is mounted in it.
//  - A bind has the attributes of its entry, in addition to those of the mount it comes from. It ignores the type and
//    the options of a file system, as mount(8) does. Inner file systems are nosuid, noexec and nodev, except that
//    devpts is not nodev, and a tmpfs has only the attributes of its entry. `suid`, `exec` and `dev` remove these.
//  - A bind is private and an rbind is a slave of the host's, unless the entry says otherwise. `shared` is refused.
//  - x-unionroot.view: a host view of the tree alone contains the mount too.
//  - swap entries are left out. With x-unionroot.optional or nofail a missing source is no error.
//  - lowerdir, upperdir and workdir of an overlay entry are folders of the host. Without lowerdir, the overlay is on
//    top of the session's own tree at the target.
// The plan is empty for type=plain.
mount::MountPlan plan_inner_mounts(const definition::Definition& definition);

// The upperdir and workdir of the profile's overlay entries, as absolute paths. Each can be used by one session at a
// time. Throws as plan_inner_mounts does.
std::vector<std::string> folders_written_by_overlays(const definition::Definition& definition);

// "FILE:LINE: ..." for each option that has no effect on the bind of its entry, and is ignored as by mount(8). Throws
// as plan_inner_mounts does.
std::vector<std::string> options_without_effect(const definition::Definition& definition);

}  // namespace unionroot::fstab
