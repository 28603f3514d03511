#include "kernel/proc_options.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "kernel/mountinfo.h"

namespace unionroot::kernel {

namespace {

std::uint64_t mount_at_proc() {
  struct statx status {};
  base::check(::statx(AT_FDCWD, "/proc", 0, STATX_MNT_ID, &status), "asking for the mount at", "/proc");
  return status.stx_mnt_id;
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
  const auto line = read_mount(mount_at_proc());
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
