// The program as a systemd.generator(7).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/after_boot.h"
#include "boot/folders.h"
#include "boot/start.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;

namespace {

void write_units(const std::string& place, const std::string& folder) {
  struct stat facts {};
  const char* why = nullptr;
  if (::lstat(folder.c_str(), &facts) != 0)
    why = "there is no such folder";
  else if (S_ISLNK(facts.st_mode))
    why = "it is a symbolic link";
  else if (!S_ISDIR(facts.st_mode))
    why = "it is not a folder";
  if (why != nullptr)
    return base::log::warning(concat("overlay=", folder, ": ", why, ", so no overlay is laid over it"));
  const auto units = units_for_folder(folder, UNIONROOT_BOOT_PROGRAM);
  for (const auto& [name, text] : units) write_for_after_boot(concat(place, "/", name), text);
  const auto wants = concat(place, "/local-fs.target.wants");
  kernel::ensure_directories(wants, 0755);
  const auto& mount = units.back().first;
  if (::symlink(concat("../", mount).c_str(), concat(wants, "/", mount).c_str()) != 0 && errno != EEXIST)
    base::throw_errno("linking", mount);
}

}  // namespace

int run_generator(char** words) {
  if (words[1] == nullptr)
    throw Error(base::ErrorCode::invalid_argument, "a generator is given a folder for its units");
  const base::UniqueFd root(base::check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening", "/"));
  if (read_plan(-1, RootMounter::another).refused) return 0;
  // Only `overlay` counts here. The boot has logged the problems of all other settings, and a generator runs again at
  // each daemon-reload.
  auto settings = read_configuration(root.get()).settings;
  std::erase_if(settings, [](const Setting& one) { return one.key != "overlay"; });
  const Plan plan = make_plan(settings, {});
  for (const auto& problem : plan.problems) base::log::warning(problem);
  const bool whole = ::access(status_file, F_OK) == 0;
  for (const auto& folder : plan.folders) {
    if (whole)
      base::log::info(concat("overlay=", folder, ": the whole root is an overlay"));
    else
      write_units(words[1], folder);
  }
  return 0;
}

}  // namespace unionroot::boot
