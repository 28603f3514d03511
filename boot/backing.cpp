#include "boot/backing.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/devices.h"
#include "boot/layers.h"
#include "kernel/loop.h"
#include "kernel/open_beneath.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

// Makes the node that udev would make, because udev may not run yet. Its numbers are in
// Documentation/admin-guide/devices.txt. The kernel loads the loop module when the node is opened.
void make_loop_control() {
  constexpr const char* path = "/dev/loop-control";
  if (::access(path, F_OK) != 0 && ::mknod(path, S_IFCHR | 0600, ::makedev(10, 237)) != 0)
    base::log::debug("/dev/loop-control cannot be made");
}

Device wait_for_upper(const UpperPlan& upper, const Plan& plan, int lower) {
  Device device = wait_for_device(*upper.device, plan.wait, Several::refused);
  struct stat facts {};
  base::check(::fstat(lower, &facts), "looking at the lower layer");
  if (facts.st_dev == device.number)
    throw Error(ErrorCode::failed, concat(device.path, " holds the root itself"), "give the changes a partition");
  if (!device.other.empty())
    throw Error(
        ErrorCode::failed, concat(device.path, " holds ", base::printable(device.other), " and no file system"),
        device.other == "crypto_LUKS"
            ? "have the initrd unlock it (crypttab(5), initramfs), and name the unlocked device: /dev/mapper/NAME"
            : "name the device that has the file system");
  return device;
}

UniqueFd open_image(const UniqueFd& store, const std::string& path, const std::string& name) {
  UniqueFd image(kernel::try_open_beneath(store.get(), path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
                                          kernel::resolve_in_root));
  struct stat facts {};
  const bool there = image && ::fstat(image.get(), &facts) == 0 && S_ISREG(facts.st_mode);
  if (!there)
    throw Error(ErrorCode::failed, concat("there is no file ", name),
                "make an image of a file system there: truncate -s 1G FILE; mkfs.ext4 FILE");
  return image;
}

// The worse of two results: that of the device and that of the image on it.
std::string worse(const std::string& one, const std::string& other) {
  for (const char* how : {"failed", "repaired", "clean"})
    if (one == how || other == how) return how;
  return "none";
}

void add_image(kernel::Mounts& mounts, const UpperPlan& upper, const Plan& plan, Backing& backing) {
  const auto name = concat(base::printable(upper.image), " on ", backing.name);
  const UniqueFd file = open_image(backing.store, upper.image, name);
  make_loop_control();
  const auto loop = kernel::attach_loop(file.get(), upper.image, {}, false);
  const Device device = look_at_device(loop.path, loop.descriptor);
  if (device.type.empty() && upper.type.empty())
    throw Error(ErrorCode::failed, concat(name, " has no file system on it"), "make one: mkfs.ext4 FILE");
  backing.name = name;
  backing.check = worse(backing.check, check_file_system(device, plan.check));
  const auto types = upper.type.empty() ? std::vector<std::string>{} : std::vector{upper.type};
  backing.tree = mount_device(mounts, loop.path, device.type, types, upper.options);
}

}  // namespace

Backing make_backing(kernel::Mounts& mounts, const UpperPlan& upper, const Plan& plan, int lower) {
  Backing backing;
  if (!upper.device) {
    backing.tree = mounts.new_filesystem("tmpfs", "unionroot", upper.options.options, upper.options.attributes);
    backing.name = in_memory;
    return backing;
  }
  const Device device = wait_for_upper(upper, plan, lower);
  backing.name = device.path;
  backing.check = check_file_system(device, plan.check);
  if (!upper.image.empty()) {
    backing.store = mount_device(mounts, device.path, device.type, {}, {MOUNT_ATTR_NOATIME, {}, false});
    add_image(mounts, upper, plan, backing);
    return backing;
  }
  const auto types = upper.type.empty() ? std::vector<std::string>{} : std::vector{upper.type};
  backing.tree = mount_device(mounts, device.path, device.type, types, upper.options);
  return backing;
}

}  // namespace unionroot::boot
