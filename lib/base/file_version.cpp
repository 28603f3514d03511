#include "base/file_version.h"

#include <ctime>

#include "base/text.h"

namespace unionroot::base {

namespace {

// Nanoseconds, with a wide margin: the kernel's clock for time stamps ticks every 1 to 10 ms.
constexpr std::int64_t settled = 100'000'000;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileVersion version_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

bool is_settled(const FileVersion& version) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - version.changed > settled;
}

std::string text_of(const FileVersion& version) {
  return concat(version.device, ":", version.inode, ":", version.size, ":", version.modified, ":", version.changed);
}

}  // namespace unionroot::base
