#include "kernel/proc_options.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/mountinfo.h"

namespace unionroot::kernel {

namespace {

std::uint64_t mount_at_proc() {
  struct statx status {};
  base::check(::statx(AT_FDCWD, "/proc", 0, STATX_MNT_ID, &status), "asking for the mount at", "/proc");
  return status.stx_mnt_id;
}

// Stops reading at the line of the mount: /proc is mounted early, and the kernel makes the text during the read.
std::optional<MountEntry> line_of(std::uint64_t id) {
  const base::UniqueFd file(base::check(::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC), "opening",
                                        "/proc/thread-self/mountinfo"));
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
    if (base::check(size, "reading", "/proc/thread-self/mountinfo") == 0) return std::nullopt;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

MountOptions proc_options_in(std::string_view super_options) {
  MountOptions options;
  for (const auto& option : base::split(super_options, ',')) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) continue;
    const auto key = option.substr(0, equals);
    if (key == "hidepid" || key == "gid" || key == "subset") options.emplace_back(key, option.substr(equals + 1));
  }
  return options;
}

MountOptions proc_options() {
  const auto line = line_of(mount_at_proc());
  if (!line)
    throw base::Error(base::ErrorCode::failed, "looking for the options of /proc: the mount table does not have it",
                      "somebody changes what is mounted there: try again");
  return line->type == "proc" ? proc_options_in(line->super_options) : MountOptions{};
}

MountOptions with_options_of(MountOptions options, const MountOptions& host) {
  const auto own = options;
  for (const auto& option : host)
    if (std::none_of(own.begin(), own.end(), [&](const auto& each) { return each.first == option.first; }))
      options.push_back(option);
  return options;
}

}  // namespace unionroot::kernel
