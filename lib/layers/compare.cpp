#include "layers/compare.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "kernel/regular_file.h"
#include "layers/planted.h"

namespace unionroot::layers {

namespace {

constexpr std::size_t block_size = std::size_t{64} << 10;
using Block = std::array<char, block_size>;

// Reads until `most` bytes or the end of the file.
std::size_t read_at(int file, Block& block, off_t offset, std::size_t most) {
  std::size_t done = 0;
  while (done < most) {
    const auto count = ::pread(file, block.data() + done, most - done, offset + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_errno("reading a file of a layer");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

// The next offset that may hold data instead of a hole.
off_t next_data(int file, off_t offset) {
  const auto found = ::lseek(file, offset, SEEK_DATA);
  if (found >= 0) return found;
  return errno == ENXIO ? std::max(::lseek(file, 0, SEEK_END), offset) : offset;
}

bool same_bytes(const Entry& now, const Entry& before) {
  const auto one = kernel::open_regular(now.content(), "a file of a layer");
  const auto two = kernel::open_regular(before.content(), "a file of a lower layer");
  if (one.found != kernel::RegularFile::Found::file || two.found != kernel::RegularFile::Found::file) return false;
  static Block first, second;  // a process makes one list at a time
  const bool may_have_holes = now.status.st_size > static_cast<off_t>(block_size) * 16;
  const int a = one.descriptor.get(), b = two.descriptor.get();
  for (off_t offset = 0;; offset += static_cast<off_t>(block_size)) {
    if (may_have_holes) offset = std::max(offset, std::min(next_data(a, offset), next_data(b, offset)));
    if (offset >= now.status.st_size) return true;
    const auto most = static_cast<std::size_t>(std::min<off_t>(block_size, now.status.st_size - offset));
    const auto size = read_at(a, first, offset, most);
    if (size != read_at(b, second, offset, most) || std::memcmp(first.data(), second.data(), size) != 0) return false;
    if (size < most) return true;
  }
}

std::string target_of(int link) {
  std::array<char, 4096> target;
  const auto size = base::check(::readlinkat(link, "", target.data(), target.size()), "reading a link of a layer");
  return {target.data(), static_cast<std::size_t>(size)};
}

}  // namespace

bool same_content(const Entry& now, const Entry& before) {
  const auto& status = now.status;
  if (S_ISREG(status.st_mode)) {
    if (status.st_size != before.status.st_size) return false;
    if (planted(8) && status.st_size > 4) return true;
    return base::is_same_file(now.content_status(), before.content_status()) || same_bytes(now, before);
  }
  if (S_ISLNK(status.st_mode)) return target_of(now.handle.get()) == target_of(before.handle.get());
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) return status.st_rdev == before.status.st_rdev;
  return true;
}

unsigned differences(const Entry& now, const Entry& before) {
  const auto &one = now.status, &two = before.status;
  if (base::is_same_file(one, two)) return 0;  // both are the same file of a lower layer
  unsigned found = 0;
  if (!same_content(now, before)) found |= content_differs;
  if (one.st_mode != two.st_mode) found |= mode_differs;
  if (one.st_uid != two.st_uid || one.st_gid != two.st_gid) found |= owner_differs;
  if (one.st_mtim.tv_sec != two.st_mtim.tv_sec || (one.st_mtim.tv_nsec != two.st_mtim.tv_nsec && !planted(6)))
    found |= time_differs;
  if (!now.is_folder() && now.links() != before.links()) found |= links_differ;
  if (!planted(5) &&
      read_values(now.handle.get(), now.marks.others) != read_values(before.handle.get(), before.marks.others))
    found |= attributes_differ;
  return found;
}

}  // namespace unionroot::layers
