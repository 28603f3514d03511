// Every verb's entry, and how an entry makes its verb.
#pragma once

#include <memory>
#include <optional>

#include "cli/verb.h"

namespace unionroot::cli {

template <typename Made>
std::unique_ptr<Verb> make_verb() {
  return std::make_unique<Made>();
}

extern const VerbEntry begin_verb, run_verb_entry, end_verb, list_verb, info_verb, location_verb, recover_verb;
extern const VerbEntry clone_verb, snapshot_verb, snapshots_verb, rollback_verb;
extern const VerbEntry diff_verb, reset_verb, apply_verb, undo_verb, lock_verb, locks_verb, check_verb, import_verb,
    prune_verb, history_verb;
extern const VerbEntry usage_verb;
extern const VerbEntry runs_verb, wait_verb, logs_verb, kill_verb, events_verb;

}  // namespace unionroot::cli
