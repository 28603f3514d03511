#include "kernel/block_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace unionroot::kernel {

base::UniqueFd open_block_device(dev_t number) {
  if (::major(number) == 0) return {};
  const auto about =
      base::read_file(base::concat("/sys/dev/block/", ::major(number), ":", ::minor(number), "/uevent"), 4096);
  for (const auto& line : base::split(about, '\n')) {
    if (!line.starts_with("DEVNAME=")) continue;
    const auto path = base::concat("/dev/", line.substr(8));
    base::UniqueFd device(base::check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "opening", path));
    struct stat facts {};
    base::check(::fstat(device.get(), &facts), "looking at", path);
    // This /dev is not the kernel's own.
    if (!S_ISBLK(facts.st_mode) || facts.st_rdev != number)
      throw base::SystemError(ENXIO, base::concat("opening ", path));
    return device;
  }
  return {};
}

}  // namespace unionroot::kernel
