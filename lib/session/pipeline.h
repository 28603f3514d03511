// Runs a session's stages: forwards when it begins, in reverse when it ends, journalled in the store.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "session/stage.h"

namespace unionroot::session {

// When a set-up writes 'starting' and 'done'.
enum class Journal {
  each_stage,  // before it and after it: whoever finds a crash knows how far it had come
  // All 'starting' before the first stage, all 'done' with the commit that makes the session active. After a crash
  // every stage is torn down, from the definition and the session's id alone; for sessions whose stages tell by
  // themselves that they never started, and whose begin or recovery should cost two commits and not eight.
  at_once,
};

// The same for all sessions; what is known of a session's stages is in its Shown.
class Pipeline {
 public:
  Pipeline(Stages stages, store::Store& store);  // store: borrowed

  // What the store has of a session's stages, as a session takes it.
  [[nodiscard]] std::vector<StageEntry> read(const std::vector<store::StageRecord>& records) const;

  // Each stage's set_up in order, 'starting' journalled before and 'done' after. The last 'done' is left in `unwritten`
  // for the commit that makes the session active. If a stage fails, it and those before it are torn down in reverse
  // with `undo`, and Error(stage_failed, or the stage's own code if it says more) names the stage and the first cause.
  void set_up(Operation& operation, TearDown undo, Journal how = Journal::each_stage) const;

  // Every stage in reverse. Nothing stops it but a stop of the daemon (BrokenOff); what failed is tried once more,
  // unless it timed out; what could not be undone is returned, one line each.
  std::vector<std::string> tear_down(Operation& operation, TearDown mode) const;

  // Asks each stage what is there of it; the worst answer.
  Recovery recover(Operation& operation) const;

 private:
  [[nodiscard]] StageEntry starting(const Operation& operation, unsigned position) const;
  void note_all_starting(const Operation& operation) const;
  void set_up_one(Operation& operation, unsigned position, Journal how) const;
  // By position: what could not be undone of stages.
  struct Problem {
    std::string text;
    bool timed_out = false;
  };
  using Problems = std::map<unsigned, Problem>;
  // Leaves out the positions in `done`, and adds those that it could undo.
  Problems tear_down_once(Operation& operation, TearDown mode, std::set<unsigned>& done) const;

  const Stages stages_;
  store::Store& store_;
};

}  // namespace unionroot::session
