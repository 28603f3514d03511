#include "boot/after_boot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::UniqueFd;

namespace {

bool degraded(const Laid& laid, const Plan& plan) { return laid.state != State::overlay || !plan.problems.empty(); }

std::string sentence(const Laid& laid) {
  switch (laid.state) {
    case State::overlay: return "Some parameters of the overlay of this machine's root are wrong.";
    case State::temporary: return "Changes to this machine are kept in memory, and are lost when it is switched off.";
    case State::read_only: return "The root of this machine is read-only.";
  }
  return {};
}

// Some services look for the disk behind the root, and read this link (systemd-gpt-auto-generator, systemd-sysupdate).
void name_disk(const std::string& run, int lower) {
  struct stat facts {};
  base::check(::fstat(lower, &facts), "looking at the lower layer");
  if (::major(facts.st_dev) == 0) return;
  const auto target = concat("/dev/block/", ::major(facts.st_dev), ":", ::minor(facts.st_dev));
  kernel::ensure_directories(concat(run, "/systemd"), 0755);
  const auto link = concat(run, "/systemd/volatile-root");
  if (::symlink(target.c_str(), link.c_str()) != 0 && errno != EEXIST) base::throw_errno("making the link", link);
}

template <typename Step>
void tell_if_it_fails(const Step& step) {
  try {
    step();
  } catch (const base::Error& error) {
    base::log::warning(error.with_hint());
  }
}

}  // namespace

// kernel::write_file_atomically() is not used here: it makes a random name. Early in a boot the kernel may need seconds
// until it has random numbers.
void write_for_after_boot(const std::string& path, std::string_view text) {
  kernel::ensure_directories(std::string(base::parent_path(path)), 0755);
  const UniqueFd file(
      base::check(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644), "making", path));
  base::write_all(file.get(), text, path);
}

void pass_over_unit(const std::string& run, const std::string& unit) {
  write_for_after_boot(concat(run, "/systemd/system/", unit, ".d/unionroot.conf"),
                       "[Unit]\nConditionPathExists=!/run/unionroot/boot/status\n");
}

std::string status_text(const Laid& laid, const Plan& plan) {
  const auto layout = layout_name(laid.layout);
  std::string out = concat("state=", state_name(laid.state), "\ndegraded=", degraded(laid, plan) ? "yes" : "no",
                           "\nupper=", base::printable(laid.upper), "\nlayout=", layout, "\n");
  if (!laid.check.empty()) out += concat("check=", laid.check, "\n");
  if (!laid.base.empty()) out += concat("base=", laid.base, "\n");
  if (!laid.reason.empty()) out += concat("reason=", base::printable(laid.reason, std::string::npos), "\n");
  for (const auto& problem : plan.problems)
    out += concat("problem=", base::printable(problem, std::string::npos), "\n");
  return out;
}

void leave_for_after_boot(const std::string& run, const Laid& laid, const Plan& plan, int lower) {
  tell_if_it_fails([&] { write_for_after_boot(concat(run, "/unionroot/boot/status"), status_text(laid, plan)); });
  tell_if_it_fails([&] { name_disk(run, lower); });
  // These units follow the fstab of the lower layer: they would remount it for writing, grow it, or fail. An overlay
  // supports neither.
  for (const char* unit : {"systemd-remount-fs.service", "systemd-growfs-root.service", "systemd-growfs@-.service"})
    tell_if_it_fails([&] { pass_over_unit(run, unit); });
  // With this file systemd-fsck-root.service does not run. The lower layer is in use, so it must not be repaired.
  tell_if_it_fails([&] { write_for_after_boot(concat(run, "/initramfs/fsck-root"), ""); });
  if (!degraded(laid, plan)) return;
  std::string text = concat("*** unionroot: ", sentence(laid), "\n");
  if (!laid.reason.empty()) text += concat("    ", base::printable(laid.reason, 400), "\n");
  for (const auto& problem : plan.problems) text += concat("    ", base::printable(problem, 400), "\n");
  text += "    All messages: /run/unionroot/boot/messages\n\n";
  tell_if_it_fails([&] { write_for_after_boot(concat(run, "/issue.d/unionroot.issue"), text); });
  tell_if_it_fails([&] { write_for_after_boot(concat(run, "/motd.d/unionroot"), text); });
}

}  // namespace unionroot::boot
