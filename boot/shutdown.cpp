#include "boot/shutdown.h"

#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/open_folder.h"
#include "boot/start.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::UniqueFd;

namespace {

constexpr const char* old_root = "/oldroot";
constexpr const char* holder = "/holder";
constexpr int most_rounds = 100;
// A loop device does not release its file at once when its file system is unmounted, but shortly afterwards.
constexpr int most_rounds_in_vain = 20;
constexpr useconds_t pause_us = 100'000;

// The mount points of the old root, and the holder. The last mount comes first.
std::vector<std::string> mounted() {
  std::vector<std::string> targets;
  for (const auto& entry : kernel::read_mountinfo())
    if (entry.target == old_root || entry.target == holder || entry.target.starts_with(concat(old_root, "/")))
      targets.insert(targets.begin(), entry.target);
  return targets;
}

void copy_program(const std::string& path) {
  const UniqueFd own(base::check(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "opening this program"));
  const UniqueFd copy(
      base::check(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755), "making", path));
  struct stat facts {};
  base::check(::fstat(own.get(), &facts), "looking at this program");
  for (off_t left = facts.st_size; left > 0;) {
    const auto count =
        base::check(::sendfile(copy.get(), own.get(), nullptr, static_cast<std::size_t>(left)), "writing", path);
    if (count == 0) throw Error(base::ErrorCode::failed, concat("writing ", path, ": the program is cut off"));
    left -= count;
  }
}

// A mount that is in use can still become read-only, unless a file on it is open for writing.
void make_rest_read_only(kernel::Mounts& mounts) {
  for (const auto& target : mounted()) {
    try {
      mounts.mount_at("none", target, "", MS_REMOUNT | MS_RDONLY, "");
    } catch (const Error& error) {
      base::log::error(error.what());
    }
  }
}

// The file system that holds an image is in use until the overlay is unmounted. But it is mounted beneath the overlay's
// root, so the overlay cannot be unmounted first. This function moves it to another place.
void move_holder_away(kernel::Mounts& mounts) {
  const auto place = concat(old_root, run_folder, "/store");
  const auto targets = mounted();
  if (std::find(targets.begin(), targets.end(), place) == targets.end()) return;
  // mount(2): a mount can only be moved if its parent mount is not shared.
  mounts.set_attributes(open_folder("/").get(), 0, 0, MS_PRIVATE, true);
  kernel::ensure_directories(holder, 0700);
  mounts.attach(open_folder(place).get(), open_folder(holder).get());
}

void unmount_all(kernel::Mounts& mounts) {
  std::string why;
  int in_vain = 0;
  for (int round = 0; round < most_rounds && in_vain < most_rounds_in_vain; ++round) {
    const auto targets = mounted();
    if (targets.empty()) {
      base::log::info("everything is unmounted");
      return;
    }
    bool progress = false;
    for (const auto& target : targets) {
      try {
        progress = mounts.unmount(target, 0) || progress;
      } catch (const Error& error) {
        why = error.what();
      }
    }
    in_vain = progress ? 0 : in_vain + 1;
    if (!progress) ::usleep(pause_us);
  }
  base::log::error(concat("not everything could be unmounted: ", why));
  make_rest_read_only(mounts);
}

void end_machine(std::string_view verb) {
  unsigned command = LINUX_REBOOT_CMD_POWER_OFF;
  std::string argument;
  if (verb == "halt") command = LINUX_REBOOT_CMD_HALT;
  if (verb == "kexec") command = LINUX_REBOOT_CMD_KEXEC;
  if (verb == "reboot") {
    argument = std::string(base::trim(base::try_read_file("/run/systemd/reboot-param", 256).value_or("")));
    command = argument.empty() ? LINUX_REBOOT_CMD_RESTART : LINUX_REBOOT_CMD_RESTART2;
  }
  for (const unsigned way : {command, static_cast<unsigned>(LINUX_REBOOT_CMD_RESTART)}) {
    ::syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, way, argument.c_str());
    base::log::error(base::SystemError(errno, concat("ending the machine (", verb, ")")).what());
  }
}

}  // namespace

void prepare_shutdown(kernel::Mounts& mounts, const std::string& run) {
  try {
    const auto place = concat(run, "/initramfs");
    kernel::ensure_directories(place, 0755);
    // dracut unpacks its own initrd there at shutdown, and unmounts the root itself.
    if (::access(concat(place, "/.need_shutdown").c_str(), F_OK) == 0)
      return base::log::info("dracut unmounts the root at the end of the machine");
    const UniqueFd made = mounts.new_filesystem("tmpfs", "unionroot", {{"mode", "755"}, {"size", "8m"}},
                                                MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    mounts.attach(made.get(), open_folder(place).get());
    copy_program(concat(place, "/shutdown"));
  } catch (const Error& error) {
    base::log::warning(
        concat("the file system of the upper layer will not be unmounted at the end: ", error.with_hint()));
  }
}

bool is_shutdown(char** words) {
  return words[0] != nullptr && words[0] == std::string_view("/shutdown") && ::access(old_root, F_OK) == 0;
}

int run_shutdown(char** words) {
  const std::string verb = words[1] == nullptr ? "poweroff" : words[1];
  // Nobody can read the log files any more, so the console shows everything.
  base::log::set_level(base::log::Level::debug);
  try {
    base::log::info("unmounting the root of this machine");
    auto& mounts = kernel::real_mounts();
    try {
      move_holder_away(mounts);
    } catch (const Error& error) {
      base::log::error(error.with_hint());
    }
    unmount_all(mounts);
  } catch (const Error& error) {
    base::log::error(error.with_hint());
  }
  ::sync();
  end_machine(verb);
  return 1;
}

}  // namespace unionroot::boot
