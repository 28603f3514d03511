// Mounts the layers of the machine's root by a plan. The rules are those of a session's stages: each step has a
// reverse, and a failure rolls back the steps before it. A failure is logged, and the next best root is mounted. No
// result ever writes to the lower layer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "boot/plan.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

// Where the layers are mounted. The machine's mount table shows these paths, so `run` is the same before and after the
// change of root.
struct Site {
  std::string run;    // an existing folder on a tmpfs: /run/unionroot/boot
  std::string stage;  // an existing folder on which the new root is mounted
};

enum class State {
  overlay,    // as planned
  temporary,  // the planned upper layer cannot be used; one in memory is used instead
  read_only   // the lower layer alone
};
std::string_view state_name(State state);

constexpr const char* in_memory = "memory";

struct Laid {
  State state = State::overlay;
  std::string upper;         // what holds the upper layer: Backing::name; empty: none
  std::string upper_folder;  // name of the upper layer's folder in <run>/rw
  std::string check;         // result of check_file_system()
  std::string base;          // result of settle_base(); empty: the upper layer is in memory, or there is none
  std::string reason;        // why the root is not as planned; empty: it is
  Layout layout = Layout::br2;
};

// Throws if the new root cannot be used because it has no executable init.
using Accept = std::function<void(int root)>;

// lower: a detached mount of the lower layer. On return the new root is mounted at the stage, and the layers at
// <run>/lower and <run>/rw. With State::read_only the caller locks the lower layer's device (block_lock.h). Throws if
// not even the lower layer can be mounted; then nothing stays mounted.
Laid lay_layers(kernel::Mounts& mounts, const Site& site, const Plan& plan, const base::UniqueFd& lower,
                const Accept& accept);

// A detached mount of a device. types: tried in this order; empty: `found`, the type that the device has. Throws Error
// if all fail.
base::UniqueFd mount_device(kernel::Mounts& mounts, const std::string& path, const std::string& found,
                            const std::vector<std::string>& types, const MountWords& words);

// Folders of a root that are mount points at boot, and that the lower layer may lack.
std::vector<std::string> mount_points(Layout layout);

}  // namespace unionroot::boot
