#include "session/overlay_support.h"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/mount_list.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

// Mounts a temporary overlay. False: it is read-only. Throws the kernel's error.
bool try_overlay(const Services& services, const Options& options, base::UniqueFd store) {
  auto lower = services.mounts.new_filesystem("tmpfs", "unionroot-probe", {{"mode", "0755"}}, 0);
  mount::OverlayPlan plan;
  plan.options = options;
  std::vector<base::UniqueFd> lowers;
  lowers.push_back(std::move(lower));
  auto space = services.namespaces.create();
  space.lay_overlay(plan, std::move(lowers), std::move(store));
  return !space.read_only();
}

// The fault of the options; nullopt: none.
std::optional<std::string> attempt(Services& services, const Options& options) {
  auto store = services.mounts.new_filesystem("tmpfs", "unionroot-probe", {{"mode", "0755"}}, 0);
  for (const char* name : {"upper", "work"}) services.mounts.make_folder(store.get(), name, 0755);
  try {
    try_overlay(services, options, std::move(store));
  } catch (const base::Error& error) {
    return error.what();
  }
  return std::nullopt;
}

std::string text_of(const Options& options) {
  std::vector<std::string> words;
  for (const auto& [key, value] : options) words.push_back(value.empty() ? key : concat(key, '=', value));
  return base::join(words, ",");
}

// The first option that fails alone; all of them if none does.
std::string culprit(Services& services, const Options& options) {
  for (const auto& option : options)
    if (attempt(services, {option})) return text_of({option});
  return text_of(options);
}

}  // namespace

void require_options(Services& services, const Options& options) {
  static std::mutex mutex;
  static std::map<std::string, std::string> known;  // options -> fault, empty if none
  const auto text = text_of(options);
  const std::lock_guard guard(mutex);
  auto found = known.find(text);
  if (found == known.end()) {
    const auto wrong = attempt(services, options);
    found = known.emplace(text, wrong ? concat(culprit(services, options), " (", *wrong, ")") : std::string()).first;
  }
  if (found->second.empty()) return;
  throw base::Error(base::ErrorCode::not_supported,
                    concat("union-mount-options: this kernel's overlayfs does not accept ", found->second),
                    "change union-mount-options; some options exclude each other (metacopy=on needs redirect_dir=on)");
}

namespace {

std::string trial_name(const std::string& daemon) { return concat(".unionroot-trial-", daemon); }

// The type too: another file system may get the device number of one that is gone.
using FileSystem = std::pair<dev_t, long>;

FileSystem file_system_of(int folder) {
  struct stat facts {};
  struct statfs system {};
  base::check(::fstat(folder, &facts), "looking at the folder of sessions");
  base::check(::fstatfs(folder, &system), "looking at the file system of the folder of sessions");
  return {facts.st_dev, static_cast<long>(system.f_type)};
}

// Other errors may not occur the next time.
bool tells_of_file_system(int error) {
  return error == EINVAL || error == EOPNOTSUPP || error == EROFS || error == ELOOP || error == EPERM;
}

// Without attributes overlayfs works with a line in the kernel's log. Then a folder that was deleted and made again
// looks like the one beneath, and programs get errors.
bool has_attributes(int upper) {
  const auto path = concat("/proc/self/fd/", upper);
  return ::setxattr(path.c_str(), "trusted.overlay.unionroot-trial", "y", 1, 0) == 0 || errno != EOPNOTSUPP;
}

std::optional<std::string> try_upper(const Services& services, int folder, const std::string& path) {
  const auto name = trial_name(services.daemon);
  remove_left_trial(folder, services.daemon);
  kernel::make_directory(folder, name, 0700);
  std::optional<std::string> fault;
  try {
    const auto trial = kernel::open_directory_at(folder, name);
    for (const char* part : {"upper", "work"}) kernel::make_directory(trial.get(), part, 0700);
    const bool attributes = has_attributes(kernel::open_directory_at(trial.get(), "upper").get());
    auto store = mount::open_tree_clone(services.mounts, concat(path, '/', name), false, false);
    if (!try_overlay(services, {}, std::move(store))) fault = "the overlay is mounted read-only";
    if (!attributes && !fault) fault = "it keeps no attributes (trusted.overlay), which overlays need";
  } catch (const base::SystemError& error) {
    remove_left_trial(folder, services.daemon);
    if (!tells_of_file_system(error.error_number())) throw;
    return error.what();
  } catch (...) {
    remove_left_trial(folder, services.daemon);
    throw;
  }
  remove_left_trial(folder, services.daemon);
  return fault;
}

}  // namespace

void remove_left_trial(int folder, const std::string& daemon) {
  const auto name = trial_name(daemon);
  if (kernel::exists_at(folder, name)) kernel::remove_tree(folder, name);
}

std::optional<std::string> upper_fault(const Services& services, const std::string& path) {
  static std::mutex mutex;
  static std::map<FileSystem, std::optional<std::string>> known;
  static std::map<std::string, std::optional<std::string>> of_state;  // the state directory does not move
  const bool own = base::is_or_is_beneath(path, services.settings.state_directory);
  const std::lock_guard guard(mutex);
  if (const auto found = of_state.find(path); own && found != of_state.end()) return found->second;
  const auto folder = ensure_sessions_folder(path);
  const auto system = file_system_of(folder.get());
  auto found = known.find(system);
  if (found == known.end()) {
    auto fault = try_upper(services, folder.get(), path);
    if (fault) {
      const auto mount = kernel::mount_of(folder.get());
      fault = concat(path, " lies on ", mount ? mount->type : std::string("a file system"),
                     ", which cannot hold upper layers (", *fault, ')');
    }
    found = known.emplace(system, std::move(fault)).first;
  }
  if (own) of_state.emplace(path, found->second);
  return found->second;
}

}  // namespace unionroot::session
