#include "kernel/loop.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::kernel {

using base::concat;
using base::SystemError;
using base::UniqueFd;

namespace {

constexpr unsigned loop_major = 7;  // Documentation/admin-guide/devices.txt

UniqueFd open_control() {
  UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (control) return control;
  const int problem = errno;
  if (problem == ENOENT || problem == ENODEV || problem == ENXIO)
    throw base::Error(base::ErrorCode::not_supported, "this machine has no loop devices (/dev/loop-control)",
                      "modprobe loop; in a container, have /dev/loop-control and loop devices passed in");
  throw SystemError(problem, "opening /dev/loop-control");
}

// In a container /dev may contain only the first few devices. The node of a new one is made as udev would make it.
UniqueFd open_device(const std::string& path, int number, int mode) {
  UniqueFd device(::open(path.c_str(), mode | O_CLOEXEC));
  if (device || errno != ENOENT) return device;
  base::fault_point("mknod");
  if (::mknod(path.c_str(), S_IFBLK | 0660, ::makedev(loop_major, static_cast<unsigned>(number))) != 0 &&
      errno != EEXIST)
    base::throw_errno("making the device node", path);
  base::fault_point("mknod done");
  return UniqueFd(::open(path.c_str(), mode | O_CLOEXEC));
}

loop_config configuration(int backing, const std::string& file, const LoopPart& part, bool read_only) {
  loop_config config{};
  config.fd = static_cast<unsigned>(backing);
  config.info.lo_offset = part.offset;
  config.info.lo_sizelimit = part.size;
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  if (read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  std::memcpy(config.info.lo_file_name, file.data(), std::min<std::size_t>(file.size(), LO_NAME_SIZE - 1));
  return config;
}

}  // namespace

std::optional<dev_t> loop_device_of(int backing) {
  struct stat wanted {};
  base::check(::fstat(backing, &wanted), "looking at the file of a loop device");
  const UniqueFd block(base::check(::open("/sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening /sys/block"));
  for (const auto& name : list_directory(block.get())) {
    if (name.rfind("loop", 0) != 0 || !exists_at(block.get(), concat(name, "/loop"))) continue;
    const UniqueFd device(::open(concat("/dev/", name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    loop_info64 info{};
    if (!device || ::ioctl(device.get(), LOOP_GET_STATUS64, &info) != 0) continue;  // it is gone meanwhile
    struct stat node {};
    if (info.lo_device == wanted.st_dev && info.lo_inode == wanted.st_ino && ::fstat(device.get(), &node) == 0)
      return node.st_rdev;
  }
  return std::nullopt;
}

LoopDevice attach_loop(int backing, const std::string& file, const LoopPart& part, bool read_only) {
  const auto control = open_control();
  const auto config = configuration(backing, file, part, read_only);
  const int mode = read_only ? O_RDONLY : O_RDWR;
  // Somebody else may take the free device before it is configured (loop(4)).
  for (int attempt = 0; attempt < 64; ++attempt) {
    const int number = base::check(::ioctl(control.get(), LOOP_CTL_GET_FREE), "looking for a free loop device");
    LoopDevice device;
    device.path = concat("/dev/loop", number);
    device.descriptor = open_device(device.path, number, mode);
    if (!device.descriptor) {
      if (errno == ENXIO || errno == EBUSY) continue;
      base::throw_errno("opening", device.path);
    }
    base::fault_point("loop");
    if (::ioctl(device.descriptor.get(), LOOP_CONFIGURE, &config) == 0) {
      base::fault_point("loop done");
      return device;
    }
    const int problem = errno;
    if (problem != EBUSY) throw SystemError(problem, concat("attaching ", base::printable(file), " to a loop device"));
  }
  throw SystemError(
      EBUSY, concat("attaching ", base::printable(file), " to a loop device: other programs took every free one"),
      "try again");
}

}  // namespace unionroot::kernel
