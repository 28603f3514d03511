#include "owned/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "base/error.h"
#include "base/paths.h"
#include "base/root_only.h"
#include "base/text.h"
#include "kernel/attributes.h"
#include "kernel/files.h"

namespace unionroot::owned {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;
using base::UniqueFd;

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& path, const base::RootOnly& found) {
  if (found.problem != 0)
    throw base::SystemError(found.problem, concat("opening ", what, ' ', printable(path), ", at ", found.part));
  throw Error(ErrorCode::stage_failed,
              concat(what, ' ', printable(path),
                     " is not used, because not only root can change it: ", printable(found.part), ' ', found.why),
              concat("check its content, then: ", found.remedy));
}

// Empty if only root can change it.
std::string why_not_own(int descriptor, const std::string& path, std::string& remedy) {
  struct stat facts {};
  base::check(::fstat(descriptor, &facts), "looking at", path);
  return base::not_root_only(facts, path, remedy, ::geteuid());
}

UniqueFd readable(const UniqueFd& folder, const std::string& path) {
  return UniqueFd(
      base::check(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the folder", path));
}

}  // namespace

UniqueFd ensure_place(const std::string& what, const std::string& path, mode_t mode) {
  auto found = base::open_root_only(path, base::Links::of_root, ::geteuid());
  // The loop ends whatever others do meanwhile: the path has no more components than these.
  for (auto parts = base::split(path, '/').size(); found.problem == ENOENT && parts > 0; --parts) {
    const std::string name(base::file_name(found.part));
    // Each tree and layer in the folder would inherit a default ACL from above.
    if (kernel::ensure_directory(found.above.get(), name, mode))
      kernel::drop_inherited_acl(kernel::open_directory_at(found.above.get(), name).get());
    found = base::open_root_only(path, base::Links::of_root, ::geteuid());
  }
  if (!found.folder) refuse(what, path, found);
  return readable(found.folder, path);
}

std::optional<UniqueFd> open_place(const std::string& what, const std::string& path) {
  const auto found = base::open_root_only(path, base::Links::of_root, ::geteuid());
  if (found.folder) return readable(found.folder, path);
  if (found.problem == ENOENT || found.problem == ENOTDIR) return std::nullopt;
  refuse(what, path, found);
}

std::string real_path_of_place(const std::string& path) {
  const auto found = base::open_root_only(path, base::Links::of_root_to_the_end, ::geteuid());
  if (!found.folder) return path;
  std::string real(PATH_MAX, '\0');
  real.resize(static_cast<std::size_t>(
      base::check(::readlink(concat("/proc/self/fd/", found.folder.get()).c_str(), real.data(), real.size()),
                  "asking for the path of", path)));
  return real;
}

bool is_own(int descriptor, const std::string& path) {
  std::string remedy;
  return why_not_own(descriptor, path, remedy).empty();
}

void require_own(int descriptor, const std::string& path) {
  std::string remedy;
  const auto why = why_not_own(descriptor, path, remedy);
  if (why.empty()) return;
  throw Error(ErrorCode::stage_failed, concat(printable(path), " is not used: it ", why),
              concat("check what it is, then move it away, or: ", remedy));
}

std::optional<UniqueFd> open_own_folder(int folder, const std::string& path, const std::string& name) {
  UniqueFd opened(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const int problem = errno;
  const auto whole = concat(path, '/', name);
  if (!opened && problem == ENOENT) return std::nullopt;
  if (!opened && (problem == ELOOP || problem == ENOTDIR))
    throw Error(ErrorCode::stage_failed,
                concat(printable(whole), " is not used: it is not a folder, but unionroot keeps a folder of that name"),
                "check what it is, then move it away");
  if (!opened) throw base::SystemError(problem, concat("opening the folder ", printable(whole)));
  require_own(opened.get(), whole);
  return opened;
}

UniqueFd ensure_own_folder(int folder, const std::string& path, const std::string& name, mode_t mode) {
  if (auto found = open_own_folder(folder, path, name)) return std::move(*found);
  kernel::ensure_directory(folder, name, mode);
  if (auto made = open_own_folder(folder, path, name)) return std::move(*made);
  throw base::SystemError(ENOENT, concat("opening the folder ", printable(concat(path, '/', name)), ", just made"));
}

}  // namespace unionroot::owned
