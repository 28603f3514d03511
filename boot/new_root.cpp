#include "boot/new_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/open_folder.h"
#include "kernel/mountinfo.h"
#include "kernel/open_beneath.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::UniqueFd;

std::vector<Shown> shown_layers(const Laid& laid) {
  std::vector<Shown> lowers, uppers;
  switch (laid.layout) {
    case Layout::by_partition:
    case Layout::br2:
      lowers = {{"lower", "/media/rfs/ro"}};
      uppers = {{"rw", "/media/rfs/rw"}};
      break;
    case Layout::yocto:
      lowers = {{"lower", "/rofs"}, {"lower", "/overlay/rofs"}};
      uppers = {{concat("rw/", laid.upper_folder), "/overlay/upper"}, {"rw/work", "/overlay/work"}};
      break;
    case Layout::boundary:
      lowers = {{"lower", "/mnt/root-RO"}};
      uppers = {{"rw", "/mnt/root-RW"}};
      break;
  }
  if (!laid.upper.empty()) lowers.insert(lowers.end(), uppers.begin(), uppers.end());
  return lowers;
}

void carry(kernel::Mounts& mounts, const std::string& from, const Site& site, const std::string& place,
           bool recursive) {
  try {
    const UniqueFd clone = mounts.clone_tree(AT_FDCWD, from, recursive);
    const UniqueFd root = open_folder(site.stage);
    const UniqueFd target = kernel::open_beneath(root.get(), place, O_PATH, 0, kernel::resolve_in_root);
    mounts.attach(clone.get(), target.get());
  } catch (const Error& error) {
    base::log::warning(
        concat("cannot mount ", base::printable(from), " at ", base::printable(place), ": ", error.what()));
  }
}

void show_layers(kernel::Mounts& mounts, const Site& site, const Laid& laid) {
  const UniqueFd root = open_folder(site.stage);
  for (const auto& [source, place] : shown_layers(laid)) {
    // The lower layer alone has no place for new folders, so a missing one is skipped.
    if (laid.state == State::read_only &&
        !UniqueFd(kernel::try_open_beneath(root.get(), place, O_PATH, 0, kernel::resolve_in_root)))
      continue;
    carry(mounts, concat(site.run, "/", source), site, place, false);
  }
}

void carry_mounts(kernel::Mounts& mounts, const std::string& root, const Site& site) {
  const auto beneath = concat(root, "/");
  for (const auto& entry : kernel::read_mountinfo())
    if (entry.target.starts_with(beneath)) carry(mounts, entry.target, site, entry.target.substr(root.size()), false);
}

UniqueFd clone_new_root(kernel::Mounts& mounts, const Site& site) {
  // systemd in an initrd makes mounts shared. The unmount of a shared mount unmounts its copies too.
  mounts.set_attributes(open_folder(site.stage).get(), 0, 0, MS_PRIVATE, true);
  return mounts.clone_tree(AT_FDCWD, site.stage, true);
}

std::vector<std::string> inits(const Plan& plan, bool with_initrd) {
  std::vector<std::string> candidates;
  if (with_initrd && plan.other_init) candidates.push_back(*plan.other_init);
  // After rootinit= come the programs that the kernel tries.
  for (const std::string& program : {plan.init, std::string(default_init), std::string("/etc/init"),
                                     std::string("/bin/init"), std::string("/bin/sh")})
    candidates.push_back(program);
  return candidates;
}

bool is_program(int root, const std::string& path, int program) {
  struct stat wanted {
  }, found{};
  if (program < 0 || ::fstat(program, &wanted) != 0) return false;
  const UniqueFd file(kernel::try_open_beneath(root, path, O_PATH, 0, kernel::resolve_in_root));
  return file && ::fstat(file.get(), &found) == 0 && base::is_same_file(found, wanted);
}

std::string find_init(int root, const std::vector<std::string>& candidates, int self) {
  for (const auto& path : candidates) {
    const UniqueFd program(kernel::try_open_beneath(root, path, O_PATH, 0, kernel::resolve_in_root));
    struct stat facts {};
    if (!program || ::fstat(program.get(), &facts) != 0) continue;
    if (!S_ISREG(facts.st_mode) || (facts.st_mode & 0111) == 0 || is_program(root, path, self)) continue;
    return path;
  }
  return {};
}

}  // namespace unionroot::boot
