#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "kernel/regular_file.h"

namespace unionroot::kernel {

using base::fault_point;
using base::SystemError;
using base::UniqueFd;

std::optional<std::string> read_in_tree(int root, const std::string& path, std::size_t limit) {
  const auto file = open_regular_in_tree(root, path);
  if (file.found == RegularFile::Found::absent) return std::nullopt;
  if (file.found == RegularFile::Found::not_regular)
    throw SystemError(S_ISDIR(file.status.st_mode) ? EISDIR : EINVAL,
                      base::concat("reading ", base::printable(path), " in the tree: not a regular file"));
  return base::read_all(file.descriptor.get(), path, limit);
}

namespace {

struct stat status_of(int file, const std::string& doing) {
  struct stat status {};
  base::check(::fstat(file, &status), doing);
  return status;
}

// Ignores the time of the last change (ctime), because a rename changes it too.
bool is_unchanged(const struct stat& before, const struct stat& now) {
  return before.st_size == now.st_size && before.st_mtim.tv_sec == now.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == now.st_mtim.tv_nsec && before.st_mode == now.st_mode &&
         before.st_uid == now.st_uid && before.st_gid == now.st_gid;
}

}  // namespace

std::optional<struct stat> write_in_tree(int root, const std::string& path, std::string_view content, mode_t mode,
                                         uid_t uid, gid_t gid, std::string temporary,
                                         const std::function<bool()>& may_replace) {
  const std::string name(base::file_name(path));
  const std::string folder(name.size() == path.size() ? "." : base::parent_path(path));
  const std::string doing = base::concat("writing ", base::printable(path), " in the tree");
  if (name.empty() || name == "." || name == "..") throw SystemError(EISDIR, doing);
  const UniqueFd parent(try_open_beneath(root, folder, O_RDONLY | O_DIRECTORY, 0, resolve_in_root));
  if (!parent) base::throw_errno(doing);

  if (temporary.empty())
    temporary = base::concat(".unionroot-", base::random_token());
  else
    remove_file(parent.get(), temporary);
  fault_point("create");
  const UniqueFd file(
      ::openat(parent.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) base::throw_errno(doing);
  base::Rollback rollback;
  rollback.add([&] {
    if (::unlinkat(parent.get(), temporary.c_str(), 0) != 0)
      base::log::warning(base::concat(doing, ": the temporary file ", temporary, " could not be removed"));
  });
  fault_point("create done");
  base::write_all(file.get(), content, base::printable(path));
  // Set the owner before the mode: chown(2) clears the set-id bits.
  if (::fchown(file.get(), uid, gid) != 0 || ::fchmod(file.get(), mode) != 0) base::throw_errno(doing);
  const auto written = status_of(file.get(), doing);
  fault_point("rename");
  if (may_replace && !may_replace()) return std::nullopt;
  if (::renameat(parent.get(), temporary.c_str(), parent.get(), name.c_str()) != 0) base::throw_errno(doing);
  rollback.commit();
  fault_point("rename done");
  // From now on others can open the file.
  const auto named = status_of(file.get(), doing);
  return is_unchanged(written, named) ? named : written;
}

}  // namespace unionroot::kernel
