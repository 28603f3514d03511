#include "kernel/mountinfo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::kernel {

std::string unescape_octal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3' && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      out.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

namespace {

MountEntry parse_line(const std::string& line) {
  const auto malformed = [&] {
    return base::Error(base::ErrorCode::failed,
                       base::concat("reading mountinfo: this line is not as proc(5) says: ", base::printable(line)));
  };
  // An empty source is an empty field, so empty fields count.
  const std::vector<std::string> fields = base::split(line, ' ', true);
  const auto dash = std::find(fields.begin() + std::min<std::ptrdiff_t>(6, std::ssize(fields)), fields.end(), "-");
  if (fields.end() - dash < 4) throw malformed();
  const auto id = base::parse_unsigned(fields[0]);
  const auto parent = base::parse_unsigned(fields[1]);
  if (!id || !parent) throw malformed();
  MountEntry entry;
  entry.id = *id;
  entry.parent = *parent;
  entry.device = fields[2];
  entry.root = unescape_octal(fields[3]);
  entry.target = unescape_octal(fields[4]);
  entry.options = fields[5];
  entry.propagation.assign(fields.begin() + 6, dash);
  entry.type = dash[1];
  entry.source = unescape_octal(dash[2]);
  entry.super_options = dash[3];
  return entry;
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  for (const std::string& line : base::split(text, '\n')) entries.push_back(parse_line(line));
  return entries;
}

std::vector<MountEntry> read_mountinfo() { return parse_mountinfo(base::read_file("/proc/self/mountinfo")); }

std::optional<std::uint64_t> try_mount_id(int descriptor) {
  struct statx facts {};
  // The mask is 0: the kernel returns the mount id anyway, and FUSE refuses any other request from root.
  if (::statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &facts) != 0) return std::nullopt;
  if ((facts.stx_mask & STATX_MNT_ID) == 0) {
    errno = ENOSYS;
    return std::nullopt;
  }
  return facts.stx_mnt_id;
}

std::uint64_t mount_id(int descriptor, const std::string& what) {
  const auto id = try_mount_id(descriptor);
  if (!id) base::throw_errno("asking for the mount of", what);
  return *id;
}

std::optional<MountEntry> read_mount(std::uint64_t id) {
  constexpr const char* path = "/proc/thread-self/mountinfo";
  const base::UniqueFd file(base::check(::open(path, O_RDONLY | O_CLOEXEC), "opening", path));
  const auto start = base::concat(id, " ");
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      if (text.rfind(start, 0) == 0) return parse_mountinfo(text.substr(0, end + 1)).at(0);
      text.erase(0, end + 1);
    }
    const auto size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (base::check(size, "reading", path) == 0) return std::nullopt;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace unionroot::kernel
