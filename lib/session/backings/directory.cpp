// A folder per session, under the state directory or union-overlay-directory.
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/backings/backing.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

class DirectoryBacking : public Backing {
 public:
  [[nodiscard]] const char* name() const override { return "directory"; }

  base::UniqueFd set_up(SessionContext& context, StageData&) const override {
    const auto folder = sessions_folder(context.services.settings, *context.definition);
    kernel::ensure_directories(folder, 0711);
    const auto sessions = kernel::open_directory(folder);
    kernel::ensure_directory(sessions.get(), context.id, 0711);
    const auto path = folder + "/" + context.id;
    const auto store = kernel::open_directory(path);
    if (!kernel::exists_at(store.get(), "upper")) {
      make_upper_and_work(store.get(), context.layers.front().get());
    } else if (context.recovering) {
      clear_work(store.get());
    } else {
      throw base::Error(base::ErrorCode::session_exists,
                        base::concat("session ", context.id, " has an upper layer already: ", path, "/upper"),
                        "choose another name, or move that folder away");
    }
    if (!context.automatic()) {
      // Power may fail right after `begin` returned: the folders must be on the disk by then.
      kernel::sync_directory(store.get());
      kernel::sync_directory(sessions.get());
    }
    context.upper = path + "/upper";
    return mount::open_tree_clone(context.services.mounts, path, false, false);
  }

  void tear_down(SessionContext& context, const StageData&, TearDown mode) const override {
    if (mode == TearDown::keep_data) return;
    const auto& settings = context.services.settings;
    try {
      context.services.trash.discard(sessions_folder(settings, *context.definition), context.id,
                                     trash_folder(settings, *context.definition));
    } catch (const base::SystemError& error) {
      if (error.error_number() != ENOENT) throw;  // no sessions folder: nothing was laid
    }
  }

  void recover(SessionContext& context, const StageData&) const override {
    context.upper = base::concat(sessions_folder(context.services.settings, *context.definition), "/", context.id, "/upper");
  }
};

}  // namespace

const Backing& directory_backing() {
  static const DirectoryBacking backing;
  return backing;
}

}  // namespace unionroot::session
