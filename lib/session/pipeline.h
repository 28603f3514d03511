// Runs a session's stages: forwards when it begins, in reverse when it ends. The store has their journal.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "session/stage.h"

namespace unionroot::session {

// When a set-up stores 'starting' and 'done'.
enum class Journal {
  each_stage,  // before and after each stage: after a crash the journal shows which stages started
  // Stores all 'starting' before the first stage, and all 'done' in the commit that makes the session active. After a
  // crash every stage is torn down, from the definition and the session's id alone. This is for sessions whose stages
  // can detect that they never started. It costs two commits instead of eight.
  at_once,
};

// One for all sessions. The state of a session's stages is in its Shown.
class Pipeline {
 public:
  Pipeline(Stages stages, store::Store& store);  // store: borrowed

  // Converts the store's stage records of a session.
  [[nodiscard]] std::vector<StageEntry> read(const std::vector<store::StageRecord>& records) const;

  // Runs each stage's set_up in order. Journals 'starting' before and 'done' after it. Leaves the last 'done' in
  // `unwritten` for the commit that makes the session active. If a stage fails, tears down this stage and those before
  // it in reverse, with `undo`. Then throws Error(stage_failed, or the stage's own code if that says more) with the
  // stage and the first cause.
  void set_up(Operation& operation, TearDown undo, Journal how = Journal::each_stage) const;

  // Tears down every stage in reverse. Only a stop of the daemon interrupts this (BrokenOff). Tries failed stages once
  // more, unless they timed out. Returns one line for each stage that could not be undone.
  std::vector<std::string> tear_down(Operation& operation, TearDown mode) const;

  // Asks each stage how much of it exists. Returns the worst answer.
  Recovery recover(Operation& operation) const;

 private:
  [[nodiscard]] StageEntry starting(const Operation& operation, unsigned position) const;
  void note_all_starting(const Operation& operation) const;
  void set_up_one(Operation& operation, unsigned position, Journal how) const;
  // The stages that could not be undone, by position.
  struct Problem {
    std::string text;
    bool timed_out = false;
  };
  using Problems = std::map<unsigned, Problem>;
  // Skips the positions in `done`. Adds those that it undid.
  Problems tear_down_once(Operation& operation, TearDown mode, std::set<unsigned>& done) const;

  const Stages stages_;
  store::Store& store_;
};

}  // namespace unionroot::session
