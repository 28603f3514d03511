// A folder for each session, under the state directory or union-overlay-directory.
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/backings/backing.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

// A session that has begun is never set up on a new, empty layer: its files would be missing, and perhaps only a file
// system is not mounted yet.
void require_upper(const std::string& folder, const std::string& id) {
  const auto path = base::concat(folder, "/", id, "/upper");
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return;
  throw base::Error(base::ErrorCode::stage_failed, base::concat("its upper layer ", path, " is gone"),
                    base::concat("restore it and run `unionroot recover ", id, "`, or `unionroot end ", id, "`"));
}

class DirectoryBacking : public Backing {
 public:
  [[nodiscard]] const char* name() const override { return "directory"; }

  [[nodiscard]] bool measurable() const override { return false; }

  base::UniqueFd set_up(Operation& operation, UnionData&) const override {
    const auto folder = sessions_folder(operation.services().settings, operation.definition());
    if (operation->recovering) require_upper(folder, operation.id());
    const auto store = session_folder(operation);
    const auto path = folder + "/" + operation.id();
    const bool there = kernel::exists_at(store.get(), "upper");
    if (keeps_upper(operation)) {
      if (!there)
        throw base::Error(base::ErrorCode::stage_failed, base::concat("its upper layer ", path, "/upper is gone"),
                          base::concat("`unionroot end ", operation.id(), "`"));
      clear_work(store.get());
    } else {
      if (operation->recovering) discard_layer(operation, path, store.get());
      make_upper_and_work(store.get(), operation->layers.front().get());
    }
    if (!operation.automatic() && !operation->recovering) {
      // Power may fail right after `begin` returns, so the folders must be on the disk.
      kernel::sync_directory(store.get());
      kernel::sync_directory(kernel::open_directory(folder).get());
    }
    operation.set_upper(path + "/upper");
    return mount::open_tree_clone(operation.services().mounts, path, false, false);
  }

  void tear_down(Operation& operation, const UnionData&, TearDown mode) const override {
    discard_session_folder(operation, mode);
  }

  void recover(Operation& operation, const UnionData&) const override {
    operation.set_upper(base::concat(sessions_folder(operation.services().settings, operation.definition()), "/",
                                     operation.id(), "/upper"));
  }

 private:
  // Discards the former layer for union-reset.
  static void discard_layer(Operation& operation, const std::string& path, int store) {
    const auto trash = trash_folder(operation.services().settings, operation.definition());
    for (const char* name : {"upper", "work"})
      if (kernel::exists_at(store, name)) operation.services().trash.discard(path, name, trash);
  }
};

}  // namespace

const Backing& directory_backing() {
  static const DirectoryBacking backing;
  return backing;
}

}  // namespace unionroot::session
