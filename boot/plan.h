// What is to be laid at boot, as plain values: made from the parameters, printed, compared and tested without a kernel.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "boot/base.h"
#include "boot/check.h"
#include "boot/mount_options.h"
#include "boot/parameters.h"

namespace unionroot::boot {

constexpr const char* configuration_file = "/etc/unionroot/boot.conf";
constexpr const char* default_init = "/sbin/init";

// What the machine gets when the upper layer cannot be used.
enum class OnFailure { temporary, read_only };

// Where the layers stay visible, and how the folders of the upper layer are called on its partition: as one of the
// systems has them that people come from.
enum class Layout { by_partition, br2, yocto, boundary };
std::string_view layout_name(Layout layout);
std::string_view base_policy_name(OnOtherBase policy);
std::string_view check_mode_name(CheckMode mode);

struct LowerPlan {
  std::optional<DeviceName> device;  // none: the root that there is
  std::vector<std::string> types;    // tried in this order; none: what is found on the device
  MountWords options;
};

struct UpperPlan {
  std::optional<DeviceName> device;  // none: in memory
  std::string image;                 // a file on the device that holds it; empty: the device itself
  std::string type;                  // empty: what is found on the device
  MountWords options;
  bool reset = false;    // everything on its file system goes
  std::string unusable;  // why the parameters give none; then OnFailure decides
};

struct Plan {
  bool asked = false;    // a parameter asks for an overlay; hooks lay none without
  bool refused = false;  // overlayfs=no
  LowerPlan lower;
  UpperPlan upper;
  OnFailure on_failure = OnFailure::temporary;
  OnOtherBase on_other_base = OnOtherBase::keep;
  CheckMode check = CheckMode::automatic;
  std::string memory_size = "50%";  // of the upper layer in memory: of all of it, or "512m"
  Layout layout = Layout::by_partition;
  std::vector<std::string> folders;       // overlay: laid by units of systemd, on a root that is none (folders.h)
  std::string init = default_init;        // rootinit=
  std::optional<std::string> other_init;  // init=
  std::chrono::seconds wait{10};          // for a device
  bool debug = false;
  std::vector<std::string> problems;  // what was nonsense, and what is taken instead
  std::vector<std::string> notes;     // what is left out on purpose

  [[nodiscard]] std::string text() const;
};

// The command line wins over the file, and the last of two words over the first. Words that are no parameters of ours
// are others' on the command line, and problems in the file. Never throws: nonsense is a problem, and what held before
// stays.
Plan make_plan(const std::vector<Setting>& file, const std::vector<Setting>& command_line);

// An upper layer in memory of this size, with default options: the one that is laid where no other can be.
UpperPlan memory_upper(const std::string& size);

}  // namespace unionroot::boot
