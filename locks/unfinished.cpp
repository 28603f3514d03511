#include "locks/unfinished.h"

#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/names.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "locks/directory.h"

namespace unionroot::locks {

using base::concat;
using base::UniqueFd;

namespace {

// State, path and key are in it. What follows may be large, and every begin reads the records.
constexpr std::size_t head_of_record = std::size_t{16} << 10;

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
  for (const auto& name : detail::names_in(folder.get(), path)) {
    if (!base::valid_name(name)) continue;  // half-written
    if (const auto record = base::read_file_at(folder.get(), name, head_of_record))
      require_finished(name, *record, key);
  }
}

}  // namespace unionroot::locks
