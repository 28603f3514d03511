#include "session/stages/stages.h"
#include "tree/files.h"

namespace unionroot::session {

void FilesStage::set_up(SessionContext& context, StageData&) {
  // A recovered session has every file as it left it; what it changed or removed is not the host's to bring back.
  if (context.recovering) return;
  auto request = tree::files_request(*context.definition, tree::find_user(context.owner));
  if (context.source) {
    // A source session's files stay for every later session: only what it needs to work goes in.
    request.nss = definition::NssMode::none;
    request.chroot_name.clear();
    request.user.reset();
    request.write_hostname = false;
  }
  const auto root = context.space->root();
  for (auto& note : tree::write_files(root.get(), request)) context.notes.push_back(std::move(note));
}

void FilesStage::tear_down(SessionContext&, const StageData&, TearDown) {}  // in the upper layer, or meant to stay

Recovery FilesStage::recover(SessionContext& context, const StageData&) {
  return context.space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
