#include "tree/files.h"

#include "base/text.h"
#include "session/stages/stages.h"

namespace unionroot::session {

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
  auto request = tree::files_request(*context.definition, tree::find_user(context.owner));
  if (context.source) {
    // A source session's files stay for every later session: only what it needs to work goes in.
    request.nss = definition::NssMode::none;
    request.chroot_name.clear();
    request.user.reset();
    request.write_hostname = false;
  }
  request.mark_resolv_conf = follows_resolv_conf(context);
  const auto root = context.space->root();
  for (auto& note : tree::write_files(root.get(), request)) context.notes.push_back(std::move(note));
}

bool follows_resolv_conf(const SessionContext& context) {
  return !context.automatic() && !context.source && context.definition->resolv_conf == "follow" &&
         has_own_layer(*context.definition);
}

void FilesStage::tear_down(SessionContext&, const StageData&, TearDown) {}  // in the upper layer, or meant to stay

Recovery FilesStage::recover(SessionContext& context, const StageData&) {
  return context.space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
