#include "source/root_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::source {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

void require_root_owned(int file, const std::string& chroot, const std::string& path) {
  struct stat facts {};
  base::check(::fstat(file, &facts), "looking at", path);
  if (facts.st_uid == 0 && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
  throw Error(ErrorCode::stage_failed,
              concat("chroot ", chroot, ": ", path,
                     facts.st_uid != 0 ? " does not belong to root" : " can be written to by others than root"),
              concat("sessions run its programs as root, so only root may own and change it; check its content, then: "
                     "chown root:root ",
                     path, "; chmod go-w ", path));
}

UniqueFd open_trusted_file(const std::string& chroot, const std::string& what, const std::string& path) {
  // O_NONBLOCK and O_NOCTTY: the path may be a FIFO or a device.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) {
    const int problem = errno;
    if (problem == ENOENT || problem == ENOTDIR)
      throw Error(ErrorCode::stage_failed, concat("chroot ", chroot, ": its ", what, ' ', path, " does not exist"),
                  "make it, or correct the path in its definition; `unionroot check` shows where that is");
    throw base::SystemError(problem, concat("chroot ", chroot, ": opening its ", what, ' ', path));
  }
  struct stat facts {};
  base::check(::fstat(file.get(), &facts), "looking at", path);
  if (!S_ISREG(facts.st_mode))
    throw Error(
        ErrorCode::stage_failed, concat("chroot ", chroot, ": its ", what, ' ', path, " is not a regular file"),
        "put the file itself there, or correct the path in its definition; `unionroot check` shows where that is");
  require_root_owned(file.get(), chroot, path);
  return file;
}

namespace {

constexpr std::size_t block = 512;

// The checksum of a tar header is the sum of its bytes, with the checksum field counted as blanks (tar(5)). Some old
// programs added signed chars.
bool has_tar_checksum(const std::string& header) {
  constexpr std::size_t at = 148, size = 8;
  std::int64_t with_sign = 0, without = 0, written = 0;
  for (std::size_t i = 0; i < block; ++i) {
    const char c = i >= at && i < at + size ? ' ' : header[i];
    with_sign += static_cast<signed char>(c);
    without += static_cast<unsigned char>(c);
  }
  std::size_t i = at;
  while (i < at + size && header[i] == ' ') ++i;
  for (; i < at + size && header[i] >= '0' && header[i] <= '7'; ++i) written = written * 8 + (header[i] - '0');
  return written == without || written == with_sign;
}

}  // namespace

std::string tarball_fault(int file, const std::string& path) {
  using namespace std::literals;
  std::string start(block, '\0');
  const auto got = base::check(::pread(file, start.data(), start.size(), 0), "reading", path);
  const std::string_view content(start.data(), static_cast<std::size_t>(got));
  for (const auto magic : {"\x1f\x8b"sv, "BZh"sv, "\xfd\x37zXZ\0"sv, "\x28\xb5\x2f\xfd"sv, "\x04\x22\x4d\x18"sv})
    if (content.starts_with(magic)) return {};
  if (content.empty()) return "is empty";
  if (content.size() == block && content.find_first_not_of('\0') == std::string_view::npos) return "has no members";
  if (content.size() < block || !has_tar_checksum(start))
    return "is not a tarball, and not compressed with gzip, bzip2, xz, zstd or lz4";
  return {};
}

}  // namespace unionroot::source
