#include "kernel/regular_file.h"

#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/open_beneath.h"

namespace unionroot::kernel {

namespace {

bool leads_nowhere(int error) {
  return error == ENOENT || error == ENAMETOOLONG || error == ENOTDIR || error == ELOOP || error == EXDEV;
}

}  // namespace

base::UniqueFd find_in_tree(int root, const std::string& path, int flags) {
  base::UniqueFd found(try_open_beneath(root, path, O_PATH | flags, 0, resolve_in_root));
  if (found || leads_nowhere(errno)) return found;
  if (errno == EAGAIN)
    throw base::SystemError(EAGAIN, base::concat("looking in the tree for ", base::printable(path)),
                            "somebody keeps renaming what is on the way: try again, or end the process that does it");
  base::throw_errno("looking in the tree for", base::printable(path));
}

RegularFile open_regular(int handle, const std::string& path) {
  RegularFile file;
  base::check(::fstat(handle, &file.status), "looking at", base::printable(path));
  if (!S_ISREG(file.status.st_mode)) {
    file.found = RegularFile::Found::not_regular;
    return file;
  }
  const auto place = base::concat("/proc/self/fd/", handle);
  file.descriptor.reset(::open(place.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.descriptor && errno == EAGAIN)
    throw base::Error(base::ErrorCode::failed,
                      base::concat("opening ", base::printable(path), ": a process holds a lease on it"),
                      "end that process, or try again: the kernel ends the lease (fcntl(2), F_SETLEASE)");
  if (!file.descriptor) base::throw_errno("opening", base::printable(path));
  file.found = RegularFile::Found::file;
  return file;
}

RegularFile open_regular_in_tree(int root, const std::string& path) {
  const auto handle = find_in_tree(root, path);
  return handle ? open_regular(handle.get(), path) : RegularFile{};
}

}  // namespace unionroot::kernel
