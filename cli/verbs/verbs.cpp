#include "cli/verbs/verbs.h"

namespace unionroot::cli {

const std::vector<VerbEntry>& all_verbs() {
  static const std::vector<VerbEntry> verbs = {
      begin_verb,   run_verb_entry, end_verb,      list_verb,      info_verb,     diff_verb,  reset_verb,
      apply_verb,   undo_verb,      snapshot_verb, snapshots_verb, rollback_verb, clone_verb, location_verb,
      recover_verb, locks_verb,     lock_verb,     check_verb,     import_verb,   prune_verb, history_verb,
      usage_verb,   runs_verb,      logs_verb,     wait_verb,      kill_verb,     events_verb};
  return verbs;
}

}  // namespace unionroot::cli
