// The layers of the machine's root are mounted, by a plan: with the rules of a session's stages. Each step has its
// reverse; a failure takes back what was done, is told, and leads to the next best thing, which can never write to the
// lower layer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "boot/plan.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

// Where the layers are mounted. The paths show in the mount table of the machine, so `run` is the same before and after
// the change of root.
struct Site {
  std::string run;    // an existing folder on a tmpfs: /run/unionroot/boot
  std::string stage;  // an existing folder on which the new root is put together
};

enum class State {
  overlay,    // as planned
  temporary,  // the upper layer is in memory, since the planned one cannot be used
  read_only   // the lower layer alone
};
std::string_view state_name(State state);

constexpr const char* in_memory = "memory";

struct Laid {
  State state = State::overlay;
  std::string upper;         // what holds it: Backing::name; empty: none
  std::string upper_folder;  // in <run>/rw
  std::string check;         // check_file_system(), and
  std::string base;          // settle_base(); empty: the upper layer is in memory, or there is none
  std::string reason;        // why it is not as planned; empty: it is
  Layout layout = Layout::br2;
};

// Throws if the new root cannot be used, because no init is executable in it.
using Accept = std::function<void(int root)>;

// lower: a detached mount of it. Afterwards the new root is mounted at the stage, and the layers at <run>/lower and
// <run>/rw. With State::read_only the caller locks the lower layer's device (block_lock.h). Throws only if not even the
// lower layer can be mounted there; then nothing is.
Laid lay_layers(kernel::Mounts& mounts, const Site& site, const Plan& plan, const base::UniqueFd& lower,
                const Accept& accept);

// A detached mount of a device; types: tried one after another, or what is on it if there are none.
base::UniqueFd mount_device(kernel::Mounts& mounts, const std::string& path, const std::string& found,
                            const std::vector<std::string>& types, const MountWords& words);

// Folders of a root on which something is mounted at boot, and which the lower layer may lack.
std::vector<std::string> mount_points(Layout layout);

}  // namespace unionroot::boot
