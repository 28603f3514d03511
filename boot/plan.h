// What to mount at boot, as plain values. A plan is made from the parameters. It can be printed, compared and tested
// without a kernel.
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

// Where the layers stay visible, and the names of the upper layer's folders on its partition. Each layout is that of
// another system, for people who come from there.
enum class Layout { by_partition, br2, yocto, boundary };
std::string_view layout_name(Layout layout);
std::string_view base_policy_name(OnOtherBase policy);
std::string_view check_mode_name(CheckMode mode);

struct LowerPlan {
  std::optional<DeviceName> device;  // none: the root that is already mounted
  std::vector<std::string> types;    // tried in this order; empty: the type found on the device
  MountWords options;
};

struct UpperPlan {
  std::optional<DeviceName> device;  // none: in memory
  std::string image;  // the layer's file system is in this file on the device; empty: on the device itself
  std::string type;   // empty: the type found on the device
  MountWords options;
  bool reset = false;    // delete everything on its file system
  std::string unusable;  // why the parameters are unusable; then OnFailure decides. Empty: they are usable
};

struct Plan {
  bool asked = false;    // a parameter asks for an overlay; without one, the initrd's hooks mount none
  bool refused = false;  // overlayfs=no
  LowerPlan lower;
  UpperPlan upper;
  OnFailure on_failure = OnFailure::temporary;
  OnOtherBase on_other_base = OnOtherBase::keep;
  CheckMode check = CheckMode::automatic;
  std::string memory_size = "50%";  // size of an upper layer in memory: a percentage of the whole memory, or "512m"
  Layout layout = Layout::by_partition;
  std::vector<std::string> folders;       // `overlay`: folders with an overlay of their own (folders.h)
  std::string init = default_init;        // rootinit=
  std::optional<std::string> other_init;  // init=
  std::chrono::seconds wait{10};          // longest time to wait for a device
  bool debug = false;
  std::vector<std::string> problems;  // wrong settings, and what is used instead
  std::vector<std::string> notes;     // what is left out on purpose

  [[nodiscard]] std::string text() const;
};

// A setting on the command line overrides one in the file, and a later one overrides an earlier one. An unknown word on
// the command line is for another program; in the file it is a problem. Never throws: a wrong value becomes a problem,
// and the value before it stays.
Plan make_plan(const std::vector<Setting>& file, const std::vector<Setting>& command_line);

// An upper layer in memory of this size, with default options. It is also used if the planned one cannot be mounted.
UpperPlan memory_upper(const std::string& size);

}  // namespace unionroot::boot
