#include "boot/start.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/root_only.h"
#include "base/text.h"
#include "boot/block_lock.h"
#include "boot/new_root.h"
#include "kernel/open_beneath.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::UniqueFd;

namespace {

constexpr std::size_t most_bytes = std::size_t{64} << 10;

}  // namespace

SettingsOfFile read_configuration(int tree) {
  try {
    const UniqueFd file(kernel::try_open_beneath(tree, configuration_file, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0,
                                                 kernel::resolve_in_root));
    if (!file) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      base::throw_errno("opening", configuration_file);
    }
    struct stat facts {};
    base::check(::fstat(file.get(), &facts), "looking at", configuration_file);
    std::string remedy;
    auto why = base::not_configuration(file.get(), facts, configuration_file, remedy);
    if (!S_ISREG(facts.st_mode)) why = "is not a regular file";
    if (!why.empty()) return {{}, {concat(configuration_file, " ", why, "; it is ignored")}};
    return settings_of_file(base::read_all(file.get(), configuration_file, most_bytes), configuration_file);
  } catch (const Error& error) {
    return {{}, {concat(error.with_hint(), "; it is ignored")}};
  }
}

Plan read_plan(int tree, RootMounter mounter) {
  SettingsOfFile file;
  if (tree >= 0) file = read_configuration(tree);
  const auto command_line = base::try_read_file("/proc/cmdline");
  auto settings = settings_of_command_line(command_line.value_or(""));
  if (mounter == RootMounter::another)
    std::erase_if(settings, [](const Setting& one) { return one.key == "root" || one.key == "rootfstype"; });
  Plan plan = make_plan(file.settings, settings);
  plan.problems.insert(plan.problems.begin(), file.problems.begin(), file.problems.end());
  if (!command_line) plan.problems.emplace_back("cannot read /proc/cmdline; all kernel parameters are ignored");
  return plan;
}

void tell_plan(const Plan& plan) {
  if (plan.debug) base::log::set_level(base::log::Level::debug);
  for (const auto& problem : plan.problems) base::log::warning(problem);
  for (const auto& note : plan.notes) base::log::info(note);
  for (const auto& line : base::split(plan.text(), '\n')) base::log::debug(concat("plan: ", line));
}

void make_read_only(kernel::Mounts& mounts, const std::string& path) {
  try {
    mounts.mount_at("none", path, "", MS_REMOUNT | MS_RDONLY, "");
  } catch (const Error& error) {
    base::log::warning(
        concat("the lower layer's file system stays writable beneath its read-only mount: ", error.what()));
  }
}

UniqueFd lower_of(kernel::Mounts& mounts, int tree, const Plan& plan) {
  if (!plan.lower.options.options.empty())
    base::log::warning(concat(
        "the root is already mounted; file system options in rootoptions=", plan.lower.options.text(), " are ignored"));
  UniqueFd lower = mounts.clone_tree(tree, "", false);
  const auto wanted = plan.lower.options.attributes;
  mounts.set_attributes(lower.get(), wanted | MOUNT_ATTR_RDONLY, MOUNT_ATTR__ATIME, MS_PRIVATE, false);
  return lower;
}

Laid lay_for_init(kernel::Mounts& mounts, const Site& site, const Plan& plan, const UniqueFd& lower,
                  const std::vector<std::string>& candidates) {
  Laid laid = lay_layers(mounts, site, plan, lower, [&](int tree) {
    if (find_init(tree, candidates, -1).empty())
      throw Error(base::ErrorCode::command_not_found, "there is no init in it", "name one with rootinit=");
  });
  if (laid.state == State::read_only) lock_block_device(lower.get());
  return laid;
}

void tell_laid(const Laid& laid) {
  base::log::info(concat("the root is laid: ", state_name(laid.state),
                         ", upper layer: ", laid.upper.empty() ? "none" : laid.upper));
}

UniqueFd this_program() { return UniqueFd(::open("/proc/self/exe", O_PATH | O_CLOEXEC)); }

}  // namespace unionroot::boot
