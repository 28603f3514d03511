// custom: the administrator's scripts put the tree in its place. They mount it there, or write it there if the session
// has a folder of its own (custom-session-purgeable).
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

// The scripts keep the tree of a source session elsewhere. It does not belong to the session.
bool has_folder(const Operation& operation) {
  return source_of(operation.definition()).session_purgeable && !operation.is_source();
}

std::string folder_path(const Operation& operation) {
  return concat(sessions_folder(operation.services().settings, operation.definition()), '/', operation.id(), '/',
                folder_name);
}

struct stat facts_of(int descriptor) {
  struct stat facts {};
  base::check(::fstat(descriptor, &facts), "looking at what the hooks have made");
  return facts;
}

UniqueFd make_folder(Operation& operation) {
  const auto folder = sessions_folder(operation.services().settings, operation.definition());
  const auto path = folder_path(operation);
  const auto own = session_folder(operation);
  const bool there = kernel::exists_at(own.get(), folder_name);
  if (!there && operation->recovering)
    throw Error(
        ErrorCode::stage_failed, concat("its tree ", path, " is gone"),
        concat("restore it and run `unionroot recover ", operation.id(), "`, or `unionroot end ", operation.id(), "`"));
  if (!there) kernel::make_directory(own.get(), folder_name, 0755);
  if (!operation.automatic() && !there) {
    kernel::sync_directory(own.get());
    kernel::sync_directory(kernel::open_directory(folder).get());
  }
  if (!operation.definition().has_union()) operation.set_upper(path);
  return mount::open_tree_clone(operation.services().mounts, path, false, false);
}

// The tree that the stop scripts find at the place: the session's folder or an empty tree.
UniqueFd place_to_stop_at(Operation& operation) {
  struct stat facts {};
  const auto path = folder_path(operation);
  if (has_folder(operation) && ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode))
    return mount::open_tree_clone(operation.services().mounts, path, false, false);
  return empty_tree(operation);
}

void require_tree(const Operation& operation, const struct stat& before, int tree) {
  const auto now = facts_of(tree);
  const bool mounted = now.st_dev != before.st_dev || now.st_ino != before.st_ino;
  if (mounted && S_ISDIR(now.st_mode)) return;
  if (!mounted && has_folder(operation) &&
      !kernel::list_directory(kernel::open_directory(folder_path(operation)).get()).empty())
    return;
  throw Error(ErrorCode::stage_failed, "the hooks succeeded but made no tree at CHROOT_MOUNT_LOCATION",
              has_folder(operation)
                  ? "have one of them mount a tree there, or write one there"
                  : "have one of them mount a tree there; to write one there, set custom-session-purgeable=yes");
}

class CustomSourceKind : public SourceKind {
 public:
  // Returns no directories, because the scripts' tree may consist of mounts. Sessions on one definition share no file
  // that could be locked, so the lock is on the definition's name.
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    data.never_ran = true;
    if (!has_hooks(operation.definition()))
      throw Error(ErrorCode::stage_failed,
                  concat("chroot ", operation.definition().name, " has no scripts that make its tree"),
                  "set hook-directories in its definition; `unionroot check` shows where that is");
    auto& mounts = operation.services().mounts;
    auto place = has_folder(operation) ? make_folder(operation) : empty_tree(operation);
    const auto before = facts_of(place.get());
    HookSpace space(operation, std::move(place));
    run_hooks(operation, operation->recovering ? HookStage::recover : HookStage::start, space, data.never_ran);
    auto tree = space.copy().clone_place();
    require_tree(operation, before, tree.get());
    space.close();
    const bool read_only = operation.definition().has_union();
    mounts.set_attributes(tree.get(), read_only ? MOUNT_ATTR_RDONLY : 0, 0, MS_SLAVE, true);
    operation->layers.push_back(std::move(tree));  // a detached mount with everything that is mounted in it
    return {};
  }

  void tear_down(Operation& operation, const TreeData& data, TearDown mode) const override {
    operation->layers.clear();
    if (mode == TearDown::keep_data) return;
    std::exception_ptr problem;  // the folder is discarded even if the scripts fail
    try {
      if (has_hooks(operation.definition()) && !data.never_ran) stop(operation);
    } catch (...) {
      problem = std::current_exception();
    }
    if (has_folder(operation)) discard_session_folder(operation, mode);
    if (problem) std::rethrow_exception(problem);
  }

  // The session's namespace has its own copy of the tree.
  Recovery recover(Operation& operation, const TreeData&) const override {
    if (has_folder(operation) && !operation.definition().has_union()) operation.set_upper(folder_path(operation));
    return Recovery::intact;
  }

 private:
  static void stop(Operation& operation) {
    HookSpace space(operation, place_to_stop_at(operation));
    bool unused = false;
    run_hooks(operation, HookStage::stop, space, unused);
    space.close();
  }
};

}  // namespace

const SourceKind& custom_source() {
  static const CustomSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
