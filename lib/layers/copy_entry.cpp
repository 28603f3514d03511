#include "layers/copy_entry.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/regular_file.h"

namespace unionroot::layers {

using base::concat;
using base::UniqueFd;

namespace {

constexpr std::size_t piece = std::size_t{16} << 20;

void write_at(int file, const char* data, std::size_t size, off_t offset) {
  while (size > 0) {
    const auto count = ::pwrite(file, data, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_errno("writing a copy of a file");
    data += count;
    size -= static_cast<std::size_t>(count);
    offset += count;
  }
}

// Where copy_file_range(2) does not work between the two. As many bytes as there are, up to `most`.
std::size_t copy_by_reading(int from, int to, off_t offset, std::size_t most) {
  std::array<char, std::size_t{128} << 10> block;
  const auto count = base::check(::pread(from, block.data(), std::min(most, block.size()), offset), "reading a file");
  write_at(to, block.data(), static_cast<std::size_t>(count), offset);
  return static_cast<std::size_t>(count);
}

void copy_range(int from, int to, off_t start, off_t end, const std::function<bool()>& stop) {
  bool in_kernel = true;
  for (off_t offset = start; offset < end;) {
    if (stop && stop()) throw base::Error(base::ErrorCode::cancelled, "it was cancelled");
    const auto most = std::min(piece, static_cast<std::size_t>(end - offset));
    ssize_t count = -1;
    if (in_kernel) {
      off_t in = offset, out = offset;
      count = ::copy_file_range(from, &in, to, &out, most, 0);
      if (count < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
        base::throw_errno("copying a file");
      in_kernel = count > 0;
    }
    if (count <= 0) count = static_cast<ssize_t>(copy_by_reading(from, to, offset, most));
    if (count == 0) return;  // it was truncated meanwhile
    offset += count;
  }
}

void copy_content(int from, int to, off_t size, const std::function<bool()>& stop) {
  if (size > 0 && ::ioctl(to, FICLONE, from) == 0) return;
  base::check(::ftruncate(to, size), "setting the size of a copy");
  for (off_t offset = 0; offset < size;) {
    auto start = ::lseek(from, offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO) return;  // a hole up to the end
    auto end = start < 0 ? -1 : ::lseek(from, start, SEEK_HOLE);
    if (end < 0) start = offset, end = size;  // the file system knows no holes
    end = std::min(end, size);
    copy_range(from, to, start, end, stop);
    offset = end;
  }
}

void copy_file(const Entry& entry, int folder, const std::string& name, const std::function<bool()>& stop) {
  const auto source = kernel::open_regular(entry.content(), "a file of a layer");
  if (source.found != kernel::RegularFile::Found::file)
    throw base::Error(base::ErrorCode::failed, "a file of the session became another thing while it was copied");
  const UniqueFd made(base::check(
      ::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), "making a copy"));
  copy_content(source.descriptor.get(), made.get(), source.status.st_size, stop);
}

void make(const Entry& entry, int folder, const std::string& name, const std::function<bool()>& stop) {
  const auto& status = entry.status;
  switch (entry.type()) {
    case S_IFREG: return copy_file(entry, folder, name, stop);
    case S_IFDIR: base::check(::mkdirat(folder, name.c_str(), 0700), "making a folder"); return;
    case S_IFLNK: {
      std::array<char, 4097> target{};
      const auto size = ::readlinkat(entry.handle.get(), "", target.data(), target.size() - 1);
      base::check(size, "reading a link of a layer");
      base::check(::symlinkat(target.data(), folder, name.c_str()), "making a link");
      return;
    }
    default:
      base::check(::mknodat(folder, name.c_str(), entry.type() | 0600U, status.st_rdev), "making a device");
      return;
  }
}

}  // namespace

void copy_entry(const Entry& entry, int folder, const std::string& name, const std::function<bool()>& stop) {
  const auto& status = entry.status;
  base::fault_point("copy an entry");
  make(entry, folder, name, stop);
  base::fault_point("copy an entry done");
  // The owner first: a change of it takes away set-uid bits and capabilities (chown(2)). The mode before ACLs.
  base::check(::fchownat(folder, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW),
              "setting the owner of a copy");
  if (entry.type() != S_IFLNK)
    base::check(::fchmodat(folder, name.c_str(), status.st_mode & 07777U, 0), "setting the mode of a copy");
  const auto place = concat("/proc/self/fd/", folder, "/", name);
  for (const auto& [attribute, value] : read_values(entry.handle.get(), entry.marks.others))
    base::check(::lsetxattr(place.c_str(), attribute.c_str(), value.data(), value.size(), 0),
                "the tree's file system does not take the attribute", base::printable(attribute));
  const timespec times[2] = {status.st_atim, status.st_mtim};
  base::check(::utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW), "setting the time of a copy");
}

}  // namespace unionroot::layers
