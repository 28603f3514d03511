// The administrator's scripts run in a copy of the host's mount namespace, which contains the session's tree as well.
// While they run, the copy and the session share their mounts: what a script mounts or unmounts under CHROOT_PATH, it
// mounts or unmounts in the session.
#include "session/hooks/hooks.h"

#include "base/log.h"
#include "base/text.h"
#include "session/beginning_record.h"
#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

// Shares the session's mounts until end() or the destructor, whatever the scripts do.
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
      base::log::warning(base::concat("cannot end the sharing of the session's mounts: ", error.what()));
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
  space.close();  // removes the copy that shares the session's mounts
  shared.end();
}

}  // namespace

bool HooksStage::applies(const definition::Definition& definition) const {
  // If scripts make the tree itself, they have already run: ../sources/custom.cpp.
  return has_hooks(definition) && !std::holds_alternative<definition::CustomSource>(definition.source);
}

void HooksStage::set_up(Operation& operation, StageData& data) {
  run_on_session(operation, operation->recovering ? HookStage::recover : HookStage::start,
                 data.emplace<HooksData>().never_ran);
  note_beginning(operation);  // including what the scripts wrote
}

void HooksStage::tear_down(Operation& operation, const StageData& data, TearDown mode) {
  // A session that is set up again later has not ended: its scripts run with the stage `recover` then.
  if (mode == TearDown::keep_data || stage_data<HooksData>(data).never_ran) return;
  bool unused = false;
  if (operation->space) {
    run_on_session(operation, HookStage::stop, unused);
    return;
  }
  // The daemon was killed during the begin, or the machine was restarted. The tree is gone, but what the scripts did
  // elsewhere may still be there.
  HookSpace space(operation, empty_tree(operation));
  run_hooks(operation, HookStage::stop, space, unused);
  space.close();
}

Recovery HooksStage::recover(Operation& operation, const StageData&) {
  return operation->space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
