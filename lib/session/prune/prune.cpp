#include "session/prune/prune.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
#include "session/folder_use.h"
#include "session/sources/cache.h"
#include "session/storage.h"
#include "source/source_trees.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{1};

// Counts a folder. It lies in a place that only root can change.
void measure(Leftover& leftover, Clock::time_point end) {
  base::UniqueFd folder(::open(leftover.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return;
  const auto use = use_of(std::move(folder), end);
  leftover.bytes = use.bytes;
  leftover.at_least = !use.whole;
}

struct OrphanPlace {
  std::string sessions;  // the folder of sessions that it belongs to
  std::string path;
};

std::vector<OrphanPlace> orphan_places(const Parts& parts) {
  std::vector<OrphanPlace> places;
  for (const auto& folder : parts.folders.all()) places.push_back({folder, orphans_folder(parts.settings, folder)});
  return places;
}

void find_orphans(const Parts& parts, const OrphanPlace& place, Leftovers& leftovers) {
  const auto folder = owned::open_place("the folder of orphans", place.path);
  if (!folder) return;
  for (const auto& name : kernel::list_directory(folder->get())) {
    Leftover leftover;
    leftover.name = concat(place.path, '/', name);
    if (const auto token = owned::mark_of(folder->get(), name).token) {
      // A union-overlay-directory may hold orphans of other daemons.
      if (token->daemon != parts.daemon) continue;
      leftover.session = token->session;
      leftover.created = token->created;
    }
    leftovers.found.push_back(std::move(leftover));
  }
}

void find_cached(Parts& parts, Leftovers& leftovers) {
  for (auto& tree : TreeCache(parts.services).unused()) {
    Leftover leftover;
    leftover.kind = Leftover::Kind::cache;
    leftover.name = tree.path;
    leftover.origin = tree.origin;
    leftovers.found.push_back(std::move(leftover));
  }
}

void remove_orphan(Parts& parts, const std::string& path) {
  for (const auto& place : orphan_places(parts)) {
    if (!path.starts_with(place.path + "/")) continue;
    parts.trash.discard(place.path, path.substr(place.path.size() + 1), trash_folder(parts.settings, place.sessions));
    return;
  }
}

// The path in the form in which the cache stores it.
std::string real_place(const std::string& file) {
  try {
    return source::place_of_file(file).path;
  } catch (const base::Error&) {
    return file;  // the file does not exist now
  }
}

// Leaves out the sizes, which take time.
Leftovers find_all(Parts& parts, const definition::Snapshot& chroots) {
  Leftovers leftovers;
  const auto try_to = [&](const std::string& doing, const auto& look) {
    try {
      look();
    } catch (const std::exception& error) {
      leftovers.problems.push_back(concat(doing, ": ", error.what()));
    }
  };
  for (const auto& place : orphan_places(parts))
    try_to(concat("looking for orphans in ", place.path), [&] { find_orphans(parts, place, leftovers); });
  try_to("looking at the cached trees", [&] { find_cached(parts, leftovers); });
  const auto is_left = [&](const owned::Token& token) {
    return token.daemon == parts.daemon && !parts.table.find_same({token.session, token.created});
  };
  find_snapshots(chroots, is_left, leftovers);
  return leftovers;
}

}  // namespace

const char* to_string(Leftover::Kind kind) {
  switch (kind) {
    case Leftover::Kind::orphan: return "orphan";
    case Leftover::Kind::cache: return "cache";
    case Leftover::Kind::volume: return "volume";
    case Leftover::Kind::dataset: return "dataset";
    case Leftover::Kind::subvolume: return "subvolume";
  }
  return "";
}

Leftovers find_leftovers(Parts& parts, const definition::Snapshot& chroots) {
  auto leftovers = find_all(parts, chroots);
  const auto end = Clock::now() + patience;
  for (auto& leftover : leftovers.found)
    if (leftover.kind == Leftover::Kind::orphan || leftover.kind == Leftover::Kind::cache) measure(leftover, end);
  return leftovers;
}

void remove_leftover(Parts& parts, const definition::Snapshot& chroots, const std::string& name) {
  const auto leftovers = find_all(parts, chroots);
  const auto found = std::find_if(leftovers.found.begin(), leftovers.found.end(),
                                  [&](const auto& each) { return base::name_as_utf8(each.name) == name; });
  if (found == leftovers.found.end())
    throw Error(ErrorCode::invalid_argument, concat("there is no leftover named ", base::printable(name)),
                "`unionroot prune` lists the leftovers");
  if (found->kind == Leftover::Kind::orphan)
    remove_orphan(parts, found->name);
  else if (found->kind == Leftover::Kind::cache)
    TreeCache(parts.services).remove_unused(found->name);
  else
    remove_snapshot(*found);
  base::log::info(concat("removed at root's request: ", to_string(found->kind), " ", base::printable(found->name)));
}

void drop_unwanted_caches(Parts& parts, const definition::Snapshot& chroots) {
  if (!chroots.problems.empty()) return;
  std::set<std::string> files;
  std::vector<std::string> folders;  // of OCI images
  for (const auto& chroot : chroots.chroots) {
    if (const auto* file = std::get_if<definition::FileSource>(&chroot->source)) files.insert(real_place(file->file));
    if (const auto* oci = std::get_if<definition::OciSource>(&chroot->source)) folders.push_back(oci->directory + "/");
  }
  TreeCache(parts.services).remove_unwanted([&](const std::string& origin) {
    return files.contains(origin) ||
           std::any_of(folders.begin(), folders.end(), [&](const auto& folder) { return origin.starts_with(folder); });
  });
}

}  // namespace unionroot::session
