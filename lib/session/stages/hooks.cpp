// The administrator's scripts, in a copy of the host's mount namespace that holds the session's tree as well. While
// they run the two share their mounts, so what a script mounts and unmounts under CHROOT_PATH it does in the session.
#include "session/hooks/hooks.h"

#include "base/log.h"
#include "base/text.h"
#include "session/beginning_record.h"
#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

// The session's mounts are its own again whatever becomes of the scripts.
class SharedMounts {
 public:
  explicit SharedMounts(mount::Namespace& space) : space_(space) { space_.share_mounts(); }
  SharedMounts(const SharedMounts&) = delete;
  SharedMounts& operator=(const SharedMounts&) = delete;
  ~SharedMounts() {
    if (done_) return;
    try {
      space_.unshare_mounts();
    } catch (const std::exception& error) {
      base::log::warning(base::concat("taking a session's mounts back: ", error.what()));
    }
  }
  void end() {
    space_.unshare_mounts();
    done_ = true;
  }

 private:
  mount::Namespace& space_;
  bool done_ = false;
};

void run_on_session(Operation& operation, HookStage stage, bool& never_ran) {
  never_ran = true;
  SharedMounts shared(*operation->space);
  HookSpace space(operation, operation->space->clone_view());
  run_hooks(operation, stage, space, never_ran);
  space.close();  // with it goes what the session's mounts were shared with
  shared.end();
}

}  // namespace

bool HooksStage::applies(const definition::Definition& definition) const {
  // Where scripts make the tree itself, they were run by then: ../sources/custom.cpp.
  return has_hooks(definition) && !std::holds_alternative<definition::CustomSource>(definition.source);
}

void HooksStage::set_up(Operation& operation, StageData& data) {
  run_on_session(operation, operation->recovering ? HookStage::recover : HookStage::start,
                 data.emplace<HooksData>().never_ran);
  note_beginning(operation);  // with what they wrote
}

void HooksStage::tear_down(Operation& operation, const StageData& data, TearDown mode) {
  // A session that is set up again later is not over: its scripts are told to recover then.
  if (mode == TearDown::keep_data || stage_data<HooksData>(data).never_ran) return;
  bool unused = false;
  if (operation->space) {
    run_on_session(operation, HookStage::stop, unused);
    return;
  }
  // The daemon was killed while it began, or the machine was: the tree is gone, what scripts did elsewhere may not be.
  HookSpace space(operation, empty_tree(operation));
  run_hooks(operation, HookStage::stop, space, unused);
  space.close();
}

Recovery HooksStage::recover(Operation& operation, const StageData&) {
  return operation->space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
