#include "tree/files.h"

#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "definition/schroot_keys.h"
#include "session/beginning_record.h"
#include "session/operations/reset.h"
#include "session/stages/stages.h"
#include "tree/way_to_root.h"

namespace unionroot::session {

using base::concat;

namespace {

tree::FilesRequest request_of(const Operation& operation, std::optional<tree::User> owner) {
  auto request = tree::files_request(operation.definition(), std::move(owner));
  // If the session has no layer of its own, the files stay in the tree. Nobody needs the host's name there.
  request.write_hostname =
      has_own_layer(operation.definition()) || (!operation.is_source() && !operation.definition().hostname.empty());
  request.mark_resolv_conf = follows_resolv_conf(operation.session());
  // A leftover of a crash in the session's own layer is removed with the layer. Elsewhere it needs a known name.
  if (!has_own_layer(operation.definition())) request.temporary = half_written_file(operation.token());
  return request;
}

// Whether a program inside may ask for the owner's password. A set-uid program that gains no privileges cannot check
// it.
bool asks_for_password(const Operation& operation, const tree::User& owner, int root) {
  const auto& definition = operation.definition();
  if (owner.uid == 0 || definition.no_new_privileges == definition::Choice::yes) return false;
  if (definition.no_new_privileges == definition::Choice::no || operation->owner_may_be_root) return true;
  return !tree::rule_for(root, owner);
}

// This note explains why sudo does not work.
void note_no_new_privileges(Operation& operation, int root) {
  if (operation.automatic() || operation.definition().no_new_privileges != definition::Choice::automatic) return;
  const auto owner = tree::find_user(operation.identity().owner);
  if (operation->owner_may_be_root || !owner || owner->uid == 0) return;
  if (const auto way = tree::way_to_root(root, *owner))
    operation.note(
        concat("set-uid programs give its owner's commands no privileges, because they might make them root: ", *way,
               "; see no-new-privileges in unionroot.conf(5)"));
}

void write(Operation& operation, int root) {
  if (operation->files_layer) {
    operation.notes(operation->files_layer->notes);
    return;
  }
  // A plain tree is used as it is. As in schroot, no files are written into it.
  if (operation.definition().is_plain()) return;
  operation.notes(tree::write_files(root, files_request(operation, root)));
}

}  // namespace

tree::FilesRequest files_request(const Operation& operation, int root) {
  auto request = request_of(operation, tree::find_user(operation.identity().owner));
  request.cancelled = operation->cancelled;
  request.own_tree = has_own_layer(operation.definition());
  // As in schroot, a missing file is an error. In our own profiles it is only a note: a profile may be for several
  // machines.
  request.require_copyfiles = definition::is_of_schroot(operation.definition(), operation.services().settings);
  request.lock = !operation->owner_may_be_root;
  request.password = request.user && asks_for_password(operation, *request.user, root);
  return request;
}

void FilesStage::set_up(Operation& operation, StageData&) {
  // A recovered session keeps its files as it left them. What it changed or removed is not copied from the host again.
  const auto root = operation->space->root();
  // Exceptions are resolv.conf, which is up to date for each command, and files that a reset has removed.
  if (operation->recovering) return finish_reset(operation, root.get());
  // So has one that begins with what another has.
  if (!operation->cloned_beginning) write(operation, root.get());
  note_no_new_privileges(operation, root.get());
  if (!operation->files_layer) note_beginning(operation);  // with a layer of files, the upper layer has no files
}

std::string half_written_file(const owned::Token& session) { return owned::unfinished_name(session); }

bool follows_resolv_conf(const Session& session) {
  return !session.automatic() && !session.identity.source && session.definition->resolv_conf == "follow" &&
         has_own_layer(*session.definition);
}

// The files are in the upper layer, or they stay on purpose. But a daemon that died while it wrote one into a tree that
// stays left it half-written.
void FilesStage::tear_down(Operation& operation, const StageData&, TearDown) {
  if (has_own_layer(operation.definition()) || operation->begun || operation->directories.size() != 1) return;
  const auto& tree = operation->directories.front();
  const base::UniqueFd root(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root && (errno == ENOENT || errno == ENOTDIR)) return;
  if (!root) base::throw_errno("opening", tree);
  tree::remove_half_written(root.get(), request_of(operation, std::nullopt));
}

Recovery FilesStage::recover(Operation& operation, const StageData&) {
  return operation->space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
