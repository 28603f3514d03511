#include "definition/hook_scripts.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
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

constexpr const char* mend = "mend hook-directories in the chroot's definition; `unionroot check` shows where that is";

void require_trusted_way(const std::string& path) {
  const auto found = base::open_root_only(path, base::Links::refused);
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

}  // namespace

bool valid_hook_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

HookScripts list_hook_scripts(const std::string& folder) {
  require_trusted_way(folder);
  HookScripts found;
  for (const auto& name : list_trusted(folder).value_or(std::vector<std::string>{})) {
    if (name.front() == '.') continue;
    const auto path = concat(folder, '/', name);
    const auto skip = [&](std::string_view why) {
      found.skipped.push_back(concat("'", printable(path), "' is not run: ", why));
    };
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) base::throw_errno("looking at", path);
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

}  // namespace unionroot::definition
