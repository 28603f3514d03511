#include "locks/unfinished.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/names.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::locks {

using base::concat;
using base::UniqueFd;

namespace {

constexpr std::size_t longest_record = std::size_t{256} << 20;

// The fields of a record end with NUL. The first is its state, the second the tree's path, the third its key.
void require_finished(const std::string& name, const std::string& record, const std::string& key) {
  const auto fields = base::split(record, '\0');
  if (fields.size() < 3 || fields[0] != "p" || fields[2] != key) return;
  throw base::Error(
      base::ErrorCode::source_locked,
      concat("the tree ", base::printable(fields[1]), " is in the middle of apply ", name, ", which was broken off"),
      "restart the daemon, which finishes it; its journal says what is in the way");
}

}  // namespace

void require_finished(const std::string& state_directory, const std::string& key) {
  const auto path = state_directory + "/applies";
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder && errno == ENOENT) return;
  if (!folder) base::throw_errno("opening", path);
  UniqueFd listed(base::check(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", path));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(listed.get()), ::closedir);
  if (!stream) base::throw_errno("listing", path);
  (void)listed.release();
  while (true) {
    errno = 0;
    const auto* const entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) base::throw_errno("listing", path);
    if (entry == nullptr) return;
    const std::string name = entry->d_name;
    if (!base::valid_name(name)) continue;  // half-written
    const UniqueFd file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file && errno == ENOENT) continue;
    if (!file) base::throw_errno("opening the record of apply", name);
    require_finished(name, base::read_all(file.get(), name, longest_record), key);
  }
}

}  // namespace unionroot::locks
