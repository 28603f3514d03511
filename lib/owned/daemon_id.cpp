#include "owned/daemon_id.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/token.h"

namespace unionroot::owned {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

constexpr const char* file_name = "id";
constexpr std::size_t longest_file = 8192;

std::string path_in(const std::string& directory) { return concat(directory, '/', file_name); }

bool are_same_file(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 && base::is_same_file(first, second);
}

// A directory that was moved is gone from its old place. One that was copied is still there.
void refuse_copy(const std::string& state_directory, const IdFile& file) {
  if (file.place == state_directory || are_same_file(path_in(file.place), path_in(state_directory))) return;
  const auto there = base::try_read_file(path_in(file.place), longest_file);
  const auto original = there ? parse_id_file(*there) : std::nullopt;
  if (!original || original->id != file.id) return;
  throw Error(ErrorCode::failed,
              concat("the state directory ", state_directory, " is a copy of ", file.place, ": both have the id ",
                     file.id, ", so two daemons would remove each other's snapshots and folders"),
              concat("if ", file.place, " is no longer used, delete ", path_in(file.place),
                     "; else start with an empty state directory"));
}

}  // namespace

std::string to_text(const IdFile& file) { return concat("id=", file.id, "\nstate-directory=", file.place, '\n'); }

std::optional<IdFile> parse_id_file(const std::string& text) {
  IdFile file;
  for (const auto& line : base::split(text, '\n')) {
    if (line.starts_with("id=")) file.id = line.substr(3);
    if (line.starts_with("state-directory=")) file.place = line.substr(16);
  }
  if (!valid_daemon_id(file.id) || !file.place.starts_with('/') || to_text(file) != text) return std::nullopt;
  return file;
}

std::string agree_daemon_id(const std::string& state_directory, store::Store& store) {
  const auto path = path_in(state_directory);
  const auto text = base::try_read_file(path, longest_file);
  const auto file = text ? parse_id_file(*text) : std::nullopt;
  const auto recorded = store.daemon_id();
  if (file && recorded && file->id != *recorded)
    throw Error(
        ErrorCode::failed,
        concat("the database in ", state_directory, " belongs to the daemon ", *recorded, ", but ", path,
               " belongs to the daemon ", file->id),
        concat("put back the file that belongs to the other; or delete ", path, " if the database is the right one"));
  if (text && !file) base::log::warning(concat(path, " does not contain a valid id of a daemon; it is written again"));
  if (file) refuse_copy(state_directory, *file);
  const auto id = file ? file->id : recorded ? *recorded : concat(base::random_token(), base::random_token());
  const IdFile wanted{id, state_directory};
  if (file != wanted)
    kernel::write_file_atomically(kernel::open_directory(state_directory).get(), file_name, to_text(wanted), 0644,
                                  true);
  if (!recorded) store.set_daemon_id(id);
  return id;
}

}  // namespace unionroot::owned
