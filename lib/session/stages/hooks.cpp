// The administrator's scripts, in a copy of the host's mount namespace that holds the session's tree as well. While
// they run the two share their mounts, so what a script mounts and unmounts under CHROOT_PATH it does in the session.
#include "session/hooks/hooks.h"

#include "base/log.h"
#include "base/text.h"
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

void run_on_session(SessionContext& context, HookStage stage, StageData& data) {
  set_never_ran(data);
  SharedMounts shared(*context.space);
  HookSpace space(context, context.space->clone_view());
  run_hooks(context, stage, space, data);
  space.close();  // with it goes what the session's mounts were shared with
  shared.end();
}

}  // namespace

bool HooksStage::applies(const SessionContext& context) const {
  // Where scripts make the tree itself, they were run by then: ../sources/custom.cpp.
  return has_hooks(*context.definition) &&
         !std::holds_alternative<definition::CustomSource>(context.definition->source);
}

void HooksStage::set_up(SessionContext& context, StageData& data) {
  run_on_session(context, context.recovering ? HookStage::recover : HookStage::start, data);
}

void HooksStage::tear_down(SessionContext& context, const StageData& data, TearDown mode) {
  // A session that is set up again later is not over: its scripts are told to recover then.
  if (mode == TearDown::keep_data || never_ran(data)) return;
  StageData unused;
  if (context.space) {
    run_on_session(context, HookStage::stop, unused);
    return;
  }
  // The daemon was killed while it began, or the machine was: the tree is gone, what scripts did elsewhere may not be.
  HookSpace space(context, empty_tree(context));
  run_hooks(context, HookStage::stop, space, unused);
  space.close();
}

Recovery HooksStage::recover(SessionContext& context, const StageData&) {
  return context.space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
