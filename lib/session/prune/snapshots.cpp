// Snapshots that have the mark of an unknown session: its journal was lost.
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/btrfs.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
#include "session/prune/prune.h"
#include "session/sources/snapshot_commands.h"

namespace unionroot::session {

using base::concat;

namespace {

void guarded(Leftovers& leftovers, const std::string& doing, const std::function<void()>& look) {
  try {
    look();
  } catch (const std::exception& error) {
    leftovers.problems.push_back(concat(doing, ": ", error.what()));
  }
}

Leftover left(Leftover::Kind kind, std::string name, const owned::Token& token) {
  Leftover leftover;
  leftover.kind = kind;
  leftover.name = std::move(name);
  leftover.session = token.session;
  leftover.created = token.created;
  return leftover;
}

void find_volumes(const IsLeft& is_left, Leftovers& leftovers) {
  if (kernel::find_program("lvs").empty()) return;
  for (const auto& volume : LvmSnapshot::marked(kernel::run_or_throw(whole_list(LvmSnapshot::list())))) {
    if (!is_left(volume.token)) continue;
    leftovers.found.push_back(left(Leftover::Kind::volume, volume.name, volume.token));
    leftovers.found.back().bytes = volume.bytes;
  }
}

void find_datasets(const IsLeft& is_left, Leftovers& leftovers) {
  if (kernel::find_program("zfs").empty()) return;
  std::vector<Leftover> snapshots;  // removable only after their clones
  for (const auto& dataset : ZfsSnapshot::marked(kernel::run_or_throw(whole_list(ZfsSnapshot::list())))) {
    if (!is_left(dataset.token)) continue;
    auto& list = dataset.name.find('@') == std::string::npos ? leftovers.found : snapshots;
    list.push_back(left(Leftover::Kind::dataset, dataset.name, dataset.token));
  }
  leftovers.found.insert(leftovers.found.end(), snapshots.begin(), snapshots.end());
}

void find_subvolumes(const std::string& path, const IsLeft& is_left, Leftovers& leftovers) {
  const auto folder = owned::open_place("the btrfs-snapshot-directory", path);
  if (!folder) return;
  for (const auto& name : kernel::list_directory(folder->get())) {
    const auto unfinished = owned::token_of_unfinished(name);
    const auto token = unfinished ? unfinished : owned::mark_of(folder->get(), name).token;
    if (!token || !is_left(*token)) continue;
    if (!kernel::is_subvolume(kernel::open_directory_at(folder->get(), name).get())) continue;
    leftovers.found.push_back(left(Leftover::Kind::subvolume, concat(path, '/', name), *token));
  }
}

}  // namespace

void find_snapshots(const definition::Snapshot& chroots, const IsLeft& is_left, Leftovers& leftovers) {
  guarded(leftovers, "looking for volumes", [&] { find_volumes(is_left, leftovers); });
  guarded(leftovers, "looking for data sets", [&] { find_datasets(is_left, leftovers); });
  std::set<std::string> folders;
  for (const auto& chroot : chroots.chroots)
    if (const auto* source = std::get_if<definition::BtrfsSnapshotSource>(&chroot->source))
      folders.insert(source->snapshot_directory);
  for (const auto& folder : folders)
    guarded(leftovers, concat("looking for snapshots in ", folder),
            [&] { find_subvolumes(folder, is_left, leftovers); });
}

void remove_snapshot(const Leftover& leftover) {
  if (leftover.kind == Leftover::Kind::volume) {
    kernel::run_or_throw(whole_list(LvmSnapshot::remove(leftover.name)));
  } else if (leftover.kind == Leftover::Kind::dataset) {
    kernel::run_or_throw(whole_list(ZfsSnapshot::destroy(leftover.name)));
  } else {
    const auto folder =
        owned::open_place("the btrfs-snapshot-directory", std::string(base::parent_path(leftover.name)));
    if (folder) kernel::delete_subvolume(folder->get(), std::string(base::file_name(leftover.name)));
  }
}

}  // namespace unionroot::session
