#include "session/sources/archives.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

void report(const Operation& operation, const std::string& what, std::uint64_t done, std::uint64_t total) {
  operation.report({what, done, total});
}

void report_syncing(const Operation& operation, const std::string& path) {
  report(operation, concat("writing what was in ", path, " to the disk"), 0, 0);
}

archive::Options unpack_options(const Operation& operation, const std::string& path, const std::string& what,
                                const std::string& cache_key) {
  archive::Options options;
  options.name = path;
  options.limits = archive::limits_for(operation.definition().unpack_limit);
  options.progress = [&operation, cache_key, what](std::uint64_t done, std::uint64_t total) {
    if (!cache_key.empty()) operation.services().unpackings.put(cache_key, {done, total});
    report(operation, what, done, total);
  };
  options.cancelled = operation->cancelled;
  return options;
}

std::string inner_path(const std::string& location) { return base::join(base::split(location, '/'), "/"); }

std::string located(const Operation& operation, const std::string& tree, const std::string& location) {
  const auto inner = inner_path(location);
  if (inner.empty()) return tree;
  const auto root = kernel::open_directory(tree);
  const UniqueFd found(kernel::try_open_beneath(root.get(), inner, O_PATH | O_DIRECTORY, 0,
                                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
  if (found) return tree + "/" + inner;
  const int problem = errno;
  const char* const why = problem == ENOENT                      ? " is not in it"
                          : problem == ELOOP || problem == EXDEV ? " leads through a symbolic link in it"
                          : problem == ENOTDIR                   ? " is not a folder in it"
                                                                 : nullptr;
  if (why == nullptr) throw base::SystemError(problem, concat("opening ", tree, '/', inner));
  throw Error(ErrorCode::stage_failed, concat("chroot ", operation.definition().name, ": its location ", location, why),
              "correct the key location in its definition: the path of the tree within the archive or image");
}

}  // namespace unionroot::session
