// A folder per session, under the state directory or union-overlay-directory.
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/backings/backing.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

// A session that was begun once is never set up on an empty layer in the place of its own: its files are missed, and
// perhaps only a file system is not mounted yet.
void require_upper(const std::string& folder, const std::string& id) {
  const auto path = base::concat(folder, "/", id, "/upper");
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return;
  throw base::Error(base::ErrorCode::stage_failed, base::concat("its upper layer ", path, " is gone"),
                    base::concat("bring it back and `unionroot recover ", id, "`, or `unionroot end ", id, "`"));
}

class DirectoryBacking : public Backing {
 public:
  [[nodiscard]] const char* name() const override { return "directory"; }

  [[nodiscard]] bool measurable() const override { return false; }

  base::UniqueFd set_up(SessionContext& context, StageData& data) const override {
    const auto folder = sessions_folder(context.services.settings, *context.definition);
    if (context.recovering) require_upper(folder, context.id);
    const auto store = ensure_session_folder(context.services.settings, folder, context.id);
    const auto path = folder + "/" + context.id;
    const bool there = kernel::exists_at(store.get(), "upper");
    if (there && !context.recovering) refuse_foreign(context, data, path + "/upper");
    if (keeps_upper(context)) {
      if (!there)
        throw base::Error(base::ErrorCode::stage_failed, base::concat("its upper layer ", path, "/upper is gone"),
                          base::concat("`unionroot end ", context.id, "`"));
      clear_work(store.get());
    } else {
      if (context.recovering) discard_layer(context, path, store.get());
      make_upper_and_work(store.get(), context.layers.front().get());
    }
    if (!context.automatic() && !context.recovering) {
      // Power may fail right after `begin` returned: the folders must be on the disk by then.
      kernel::sync_directory(store.get());
      kernel::sync_directory(kernel::open_directory(folder).get());
    }
    context.upper = path + "/upper";
    return mount::open_tree_clone(context.services.mounts, path, false, false);
  }

  void tear_down(SessionContext& context, const StageData& data, TearDown mode) const override {
    discard_session_folder(context, data, mode);
  }

  void recover(SessionContext& context, const StageData&) const override {
    context.upper =
        base::concat(sessions_folder(context.services.settings, *context.definition), "/", context.id, "/upper");
  }

 private:
  // union-reset.
  static void discard_layer(SessionContext& context, const std::string& path, int store) {
    const auto trash = trash_folder(context.services.settings, *context.definition);
    for (const char* name : {"upper", "work"})
      if (kernel::exists_at(store, name)) context.services.trash.discard(path, name, trash);
  }
};

}  // namespace

const Backing& directory_backing() {
  static const DirectoryBacking backing;
  return backing;
}

}  // namespace unionroot::session
