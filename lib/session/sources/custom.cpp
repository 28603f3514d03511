// custom: the tree is what the administrator's scripts put at its place: mount there, or where the session has a folder
// of its own (custom-session-purgeable), write into it.
#include <sys/mount.h>
#include <sys/stat.h>

#include <exception>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/backings/backing.h"
#include "session/hooks/hooks.h"
#include "session/sources/source.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr const char* folder_name = "tree";

const definition::CustomSource& source_of(const definition::Definition& definition) {
  return std::get<definition::CustomSource>(definition.source);
}

// A source session's tree is what scripts have elsewhere: it is not the session's own.
bool has_folder(const SessionContext& context) {
  return source_of(*context.definition).session_purgeable && !context.source;
}

std::string folder_path(const SessionContext& context) {
  return concat(sessions_folder(context.services.settings, *context.definition), '/', context.id, '/', folder_name);
}

struct stat facts_of(int descriptor) {
  struct stat facts {};
  base::check(::fstat(descriptor, &facts), "looking at what the hooks have made");
  return facts;
}

UniqueFd make_folder(SessionContext& context, StageData& data) {
  const auto folder = sessions_folder(context.services.settings, *context.definition);
  const auto path = folder_path(context);
  const auto own = ensure_session_folder(context.services.settings, folder, context.id);
  const bool there = kernel::exists_at(own.get(), folder_name);
  if (there && !context.recovering) refuse_foreign(context, data, path);
  if (!there && context.recovering)
    throw Error(ErrorCode::stage_failed, concat("its tree ", path, " is gone"),
                concat("bring it back and `unionroot recover ", context.id, "`, or `unionroot end ", context.id, "`"));
  if (!there) kernel::make_directory(own.get(), folder_name, 0755);
  if (!context.automatic() && !there) {
    kernel::sync_directory(own.get());
    kernel::sync_directory(kernel::open_directory(folder).get());
  }
  if (!context.definition->has_union()) context.upper = path;
  return mount::open_tree_clone(context.services.mounts, path, false, false);
}

// What scripts see at the place before they have mounted anything there.
UniqueFd place_to_stop_at(SessionContext& context) {
  struct stat facts {};
  const auto path = folder_path(context);
  if (has_folder(context) && ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode))
    return mount::open_tree_clone(context.services.mounts, path, false, false);
  return empty_tree(context);
}

void require_tree(const SessionContext& context, const struct stat& before, int tree) {
  const auto now = facts_of(tree);
  const bool mounted = now.st_dev != before.st_dev || now.st_ino != before.st_ino;
  if (mounted && S_ISDIR(now.st_mode)) return;
  if (!mounted && has_folder(context) &&
      !kernel::list_directory(kernel::open_directory(folder_path(context)).get()).empty())
    return;
  throw Error(ErrorCode::stage_failed, "the hooks ran well, but left no tree at CHROOT_MOUNT_LOCATION",
              has_folder(context)
                  ? "have one of them mount a tree there, or write one there"
                  : "have one of them mount a tree there; to write one there, set custom-session-purgeable=yes");
}

class CustomSourceKind : public SourceKind {
 public:
  // There is no file that all its sessions have in common, but for its name.
  std::vector<std::string> set_up(SessionContext& context, StageData& data) const override {
    set_never_ran(data);
    if (!has_hooks(*context.definition))
      throw Error(ErrorCode::stage_failed,
                  concat("chroot ", context.definition->name, " has no scripts that make its tree"),
                  "set hook-directories in its definition; `unionroot check` shows where that is");
    auto& mounts = context.services.mounts;
    auto place = has_folder(context) ? make_folder(context, data) : empty_tree(context);
    const auto before = facts_of(place.get());
    HookSpace space(context, std::move(place));
    run_hooks(context, context.recovering ? HookStage::recover : HookStage::start, space, data);
    auto tree = space.copy().clone_place();
    require_tree(context, before, tree.get());
    space.close();
    const bool read_only = context.definition->has_union();
    mounts.set_attributes(tree.get(), read_only ? MOUNT_ATTR_RDONLY : 0, 0, MS_SLAVE, true);
    context.layers.push_back(std::move(tree));  // with what is mounted in it; so it is no directory of the host's
    return {};
  }

  void tear_down(SessionContext& context, const StageData& data, TearDown mode) const override {
    context.layers.clear();
    if (mode == TearDown::keep_data || is_foreign(data)) return;
    std::exception_ptr problem;  // the folder goes whatever the scripts say
    try {
      if (has_hooks(*context.definition) && !never_ran(data)) stop(context);
    } catch (...) {
      problem = std::current_exception();
    }
    if (has_folder(context)) discard_session_folder(context, data, mode);
    if (problem) std::rethrow_exception(problem);
  }

  // The session's namespace has its own copy of the tree.
  Recovery recover(SessionContext& context, const StageData&) const override {
    if (has_folder(context) && !context.definition->has_union()) context.upper = folder_path(context);
    return Recovery::intact;
  }

 private:
  static void stop(SessionContext& context) {
    HookSpace space(context, place_to_stop_at(context));
    StageData unused;
    run_hooks(context, HookStage::stop, space, unused);
    space.close();
  }
};

}  // namespace

const SourceKind& custom_source() {
  static const CustomSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
