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

class Pipeline {
 public:
  // Both are borrowed and outlive the pipeline. `journal` holds what the store knows of this session's stages.
  Pipeline(const Stages& stages, store::Store& store, std::vector<store::StageRecord> journal = {});

  // Each stage's set_up in order, 'starting' journalled before and 'done' after (the last 'done' is left to `commit`,
  // so that it shares the commit that makes the session active). If one fails, it and those before it are torn down in
  // reverse with `undo`, and Error(stage_failed, or the stage's own code if it says more) names the stage and the first
  // cause.
  void set_up(SessionContext& context, TearDown undo, Journal how = Journal::each_stage);

  // The records that set_up has not written yet.
  [[nodiscard]] std::vector<store::StageRecord> pending() const { return pending_; }

  // Every stage in reverse. Nothing stops it; what failed is tried once more; what could not be undone is returned, one
  // line each.
  std::vector<std::string> tear_down(SessionContext& context, TearDown mode);

  // Asks each stage what is there of it; the worst answer.
  Recovery recover(SessionContext& context);

  [[nodiscard]] std::vector<store::StageRecord> journal() const;

 private:
  store::StageRecord& record(unsigned position, std::string_view name);
  void note_all_starting(const SessionContext& context);
  // Leaves out the positions in `done`, and adds those that it could undo.
  std::vector<std::string> tear_down_once(SessionContext& context, TearDown mode, std::set<unsigned>& done);
  static StageData data_of(const store::StageRecord& record);

  const Stages& stages_;
  store::Store& store_;
  std::map<unsigned, store::StageRecord> journal_;
  std::vector<store::StageRecord> pending_;
};

}  // namespace unionroot::session
