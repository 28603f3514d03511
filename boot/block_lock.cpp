#include "boot/block_lock.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/block_device.h"

namespace unionroot::boot {

namespace {

void lock(int tree) {
  struct stat facts {};
  base::check(::fstat(tree, &facts), "looking at the lower layer");
  const auto device = kernel::open_block_device(facts.st_dev);
  const int locked = 1;
  if (device) base::check(::ioctl(device.get(), BLKROSET, &locked), "making the lower layer's device read-only");
}

}  // namespace

void lock_block_device(int tree) {
  try {
    lock(tree);
  } catch (const base::Error& error) {
    base::log::warning(base::concat("only the read-only mount protects the lower layer: ", error.with_hint()));
  }
}

}  // namespace unionroot::boot
