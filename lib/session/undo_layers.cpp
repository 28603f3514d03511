#include "session/undo_layers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "kernel/attributes.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"
#include "layers/plan_text.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr const char* folder_of_records = "applies";

std::string layer_name(const std::string& id) { return concat(".unionroot-undo-", id); }

std::string as_text(const UndoRecord& record) {
  layers::PlanWriter text;
  text.put(std::string(1, static_cast<char>(record.state)));
  for (const auto* part : {&record.tree, &record.key, &record.chroot, &record.session}) text.put(*part);
  text.put(record.session_created);
  text.put(record.since);
  text.put(base::to_hex(std::string_view(record.restored)));
  return text.take();
}

UndoRecord record_of(const std::string& id, const std::string& text) {
  layers::PlanReader reader(text, concat("the record of the apply ", id));
  UndoRecord record;
  record.id = id;
  const auto state = reader.next();
  if (state.size() != 1 || std::string_view("padu").find(state.front()) == std::string_view::npos)
    reader.throw_malformed();
  record.state = static_cast<UndoState>(state.front());
  for (auto* part : {&record.tree, &record.key, &record.chroot, &record.session}) *part = reader.next();
  record.session_created = reader.number<std::int64_t>();
  record.since = reader.number<std::int64_t>();
  record.restored = reader.bytes();
  return record;
}

// By the tree's own "..": its path may have symbolic links.
UndoPlace open_tree(const UndoRecord& record) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  UndoPlace place;
  place.tree.reset(base::check(::open(record.tree.c_str(), flags), "opening the tree", record.tree));
  place.parent.reset(base::check(::openat(place.tree.get(), "..", flags), "opening the folder of", record.tree));
  struct stat tree {
  }, parent{};
  base::check(::fstat(place.tree.get(), &tree), "looking at", record.tree);
  base::check(::fstat(place.parent.get(), &parent), "looking at the folder of", record.tree);
  if (base::is_same_file(tree, parent))
    throw Error(ErrorCode::not_supported, "this machine's own tree is in use: nothing is applied to it yet");
  if (tree.st_dev != parent.st_dev ||
      kernel::mount_id(place.tree.get(), record.tree) != kernel::mount_id(place.parent.get(), record.tree))
    throw Error(ErrorCode::not_supported,
                concat(record.tree,
                       " is the root of a mount or of a subvolume: there is no place beside it for what is replaced"),
                "lay the tree in a folder of that file system");
  return place;
}

}  // namespace

UndoLayers::UndoLayers(const std::string& state_directory) : state_directory_(state_directory) {}

UniqueFd UndoLayers::records() const {
  UniqueFd folder(::open(concat(state_directory_, "/", folder_of_records).c_str(),
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder && errno != ENOENT) base::throw_errno("opening the records of what was applied");
  return folder;
}

std::vector<UndoRecord> UndoLayers::all() const {
  std::vector<UndoRecord> found;
  const auto folder = records();
  if (!folder) return found;
  for (const auto& id : kernel::list_directory(folder.get())) {
    if (!base::valid_name(id)) continue;  // half-written
    try {
      if (auto record = find(id)) found.push_back(std::move(*record));
    } catch (const Error& error) {
      base::log::error(concat("the record of the apply ", id, ": ", error.what()));
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& one, const auto& two) { return one.since < two.since; });
  return found;
}

std::optional<UndoRecord> UndoLayers::find(const std::string& id) const {
  const auto folder = records();
  if (!folder || !base::valid_name(id)) return std::nullopt;
  const auto text = base::read_file_at(folder.get(), id, std::size_t{256} << 20);
  if (!text) return std::nullopt;
  return record_of(id, *text);
}

UndoRecord UndoLayers::require(const std::string& id) const {
  if (auto record = find(id)) return std::move(*record);
  throw Error(ErrorCode::invalid_argument, concat("nothing that was applied has the id ", base::printable(id)));
}

void UndoLayers::write(const UndoRecord& record) const {
  const auto state = kernel::open_directory(state_directory_);
  kernel::ensure_directory(state.get(), folder_of_records, 0700);
  kernel::write_file_atomically(records().get(), record.id, as_text(record), 0600, true);
}

UndoPlace UndoLayers::make(const UndoRecord& record) const {
  auto place = open_tree(record);
  // Until the tree is changed the next daemon deletes it.
  auto unused = record;
  unused.state = UndoState::dropped;
  write(unused);
  kernel::make_directory(place.parent.get(), layer_name(record.id), 0700);
  place.folder = kernel::open_directory_at(place.parent.get(), layer_name(record.id));
  // Else all that is made in it, and gets into the tree, would have what the folder around the tree passes on.
  kernel::drop_inherited_acl(place.folder.get());
  base::check(::fchmod(place.folder.get(), 0700), "setting the mode of an undo layer");
  return place;
}

UndoPlace UndoLayers::open(const UndoRecord& record) const {
  auto place = open_tree(record);
  place.folder.reset(
      ::openat(place.parent.get(), layer_name(record.id).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!place.folder && errno != ENOENT) base::throw_errno("opening the undo layer", record.id);
  struct stat status {};
  if (place.folder) base::check(::fstat(place.folder.get(), &status), "looking at the undo layer");
  // The folder that the tree is in may be a user's.
  if (!place.folder || status.st_uid != 0 || (status.st_mode & 05777) != 0700)
    throw Error(ErrorCode::failed, concat("the undo layer ", layer_name(record.id), " is not beside ", record.tree,
                                          place.folder ? " as root made it" : ""));
  return place;
}

void UndoLayers::delete_layer(const UndoRecord& record) const {
  const auto place = open_tree(record);
  if (kernel::exists_at(place.parent.get(), layer_name(record.id)))
    kernel::remove_tree(place.parent.get(), layer_name(record.id));
}

void UndoLayers::drop(UndoRecord record) const {
  record.state = UndoState::dropped;
  write(record);
  delete_layer(record);
  remove_record(record);
}

void UndoLayers::drop_undone(UndoRecord record, std::string restored) const {
  record.state = UndoState::undone;
  record.restored = std::move(restored);
  write(record);
  delete_layer(record);
}

void UndoLayers::remove_record(const UndoRecord& record) const { kernel::remove_file(records().get(), record.id); }

}  // namespace unionroot::session
