#include "tree/files.h"

#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

tree::FilesRequest request_of(const SessionContext& context, std::optional<tree::User> owner) {
  auto request = tree::files_request(*context.definition, std::move(owner));
  if (context.source) {
    // A source session's files stay for every later session: only what it needs to work goes in.
    request.nss = definition::NssMode::none;
    request.chroot_name.clear();
    request.user.reset();
    request.write_hostname = false;
  }
  request.mark_resolv_conf = follows_resolv_conf(context);
  // What a crash at begin leaves in a layer of the session's own goes with it.
  if (!has_own_layer(*context.definition)) request.temporary = half_written_file(context.id);
  return request;
}

}  // namespace

void FilesStage::set_up(SessionContext& context, StageData&) {
  // A recovered session has every file as it left it; what it changed or removed is not the host's to bring back.
  if (context.recovering) return;  // but for resolv.conf, which each command finds up to date
  if (context.files_layer) {
    context.notes.insert(context.notes.end(), context.files_layer->notes.begin(), context.files_layer->notes.end());
    return;
  }
  // Used as it is, for good: as in schroot, nothing is put into it.
  const auto* const directory = std::get_if<definition::DirectorySource>(&context.definition->source);
  if (directory != nullptr && directory->plain && !context.source) return;
  const auto request = request_of(context, tree::find_user(context.owner));
  const auto root = context.space->root();
  for (auto& note : tree::write_files(root.get(), request)) context.notes.push_back(std::move(note));
}

std::string half_written_file(const std::string& session) { return base::concat(".unionroot-", session); }

bool follows_resolv_conf(const SessionContext& context) {
  return !context.automatic() && !context.source && context.definition->resolv_conf == "follow" &&
         has_own_layer(*context.definition);
}

// They are in the upper layer, or meant to stay. But a daemon that died while it wrote one into a tree that stays left
// that half-written.
void FilesStage::tear_down(SessionContext& context, const StageData&, TearDown) {
  if (has_own_layer(*context.definition) || context.begun || context.directories.size() != 1) return;
  const auto& tree = context.directories.front();
  const base::UniqueFd root(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root && (errno == ENOENT || errno == ENOTDIR)) return;
  if (!root) base::throw_errno("opening", tree);
  tree::remove_half_written(root.get(), request_of(context, std::nullopt));
}

Recovery FilesStage::recover(SessionContext& context, const StageData&) {
  return context.space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
