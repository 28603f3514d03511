#include "definition/hook_scripts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>

#include "base/error.h"
#include "base/paths.h"
#include "base/root_only.h"
#include "base/text.h"
#include "definition/trusted_file.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;

[[noreturn]] void refuse(const std::string& path, std::string_view why, const std::string& hint) {
  throw Error(ErrorCode::access_denied, concat("hooks: '", printable(path), "' ", why, ", so nothing in it is run"),
              hint);
}

constexpr const char* mend =
    "correct hook-directories in the chroot's definition; `unionroot check` shows where that is";

void require_trusted_way(const std::string& path, base::Links links) {
  const auto found = base::open_root_only(path, links);
  if (found.folder) return;
  if (!found.why.empty())
    refuse(found.part, found.why,
           found.why == "is a symbolic link" ? "name the real folder in hook-directories" : found.remedy);
  if (found.problem == ENOENT)
    throw Error(ErrorCode::stage_failed, concat("the hook directory '", printable(path), "' does not exist"),
                concat("make it, or ", mend));
  if (found.problem == ENOTDIR)
    throw Error(ErrorCode::stage_failed, concat("the hook directory '", printable(found.part), "' is not a directory"),
                mend);
  throw base::SystemError(found.problem, concat("opening the hook directory ", printable(found.part)));
}

void require_root_alone(const struct stat& status, const std::string& path) {
  std::string remedy;
  if (const auto why = base::not_root_only(status, path, remedy); !why.empty()) refuse(path, why, remedy);
}

// Returns the target of a symlink after checking the target's folder.
std::string target_of(const std::string& link, const std::string& folder) {
  std::string target(PATH_MAX, '\0');
  const auto size = ::readlink(link.c_str(), target.data(), target.size());
  if (size < 0) base::throw_errno("reading the symbolic link", link);
  target.resize(static_cast<std::size_t>(size));
  if (!target.starts_with('/')) target.insert(0, folder + "/");
  require_trusted_way(std::string(base::parent_path(target)), base::Links::of_root);
  return target;
}

// The rules of a folder: whether symlinks of root are followed, and which names are left out.
struct Rules {
  base::Links links = base::Links::refused;
  bool (*leaves_out)(std::string_view name) = [](std::string_view) { return false; };
};

HookScripts list(const std::string& folder, const Rules& rules) {
  require_trusted_way(folder, rules.links);
  HookScripts found;
  for (const auto& name : list_trusted(folder).value_or(std::vector<std::string>{})) {
    if (name.front() == '.' || rules.leaves_out(name)) continue;
    const auto path = concat(folder, '/', name);
    const auto skip = [&](std::string_view why) {
      found.skipped.push_back(concat("'", printable(path), "' is not run: ", why));
    };
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) base::throw_errno("looking at", path);
    if (rules.links == base::Links::of_root && valid_hook_name(name) && S_ISLNK(status.st_mode)) {
      const auto target = target_of(path, folder);
      if (::lstat(target.c_str(), &status) != 0) {
        skip(concat("it leads to '", printable(target), "', which does not exist"));
        continue;
      }
    }
    if (!valid_hook_name(name))
      skip("its name has other characters than letters, digits, '_' and '-'");
    else if (!S_ISREG(status.st_mode))
      skip("it is not a regular file");
    else if ((status.st_mode & 0111) == 0)
      skip("it is not executable (chmod +x)");
    else {
      require_root_alone(status, path);
      found.paths.push_back(path);
    }
  }
  return found;
}

// The scripts of schroot 1.6 in Debian, and those of earlier releases and other distributions.
bool is_of_schroots_package(std::string_view name) {
  static constexpr std::string_view names[] = {
      "00check",        "05btrfs",  "05file",       "05loopback",  "05lvm",       "05union",
      "05zfs",          "10mount",  "15binfmt",     "15killprocs", "20copyfiles", "20network",
      "20nssdatabases", "30passwd", "50chrootname", "70services",  "99check"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

bool valid_hook_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

HookScripts list_hook_scripts(const std::string& folder) { return list(folder, {}); }

HookScripts list_setup_scripts(const std::string& folder) {
  if (!folder_exists(folder)) return {};
  return list(folder, {base::Links::of_root, is_of_schroots_package});
}

std::string setup_scripts_folder(const std::string& schroot_directory) { return schroot_directory + "/setup.d"; }

}  // namespace unionroot::definition
