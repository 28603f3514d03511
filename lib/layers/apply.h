// Carrying out what was planned for a tree, and back. A failure on the way leaves the tree as it was; a crash is
// followed by finish().
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "layers/apply_plan.h"
#include "layers/apply_store.h"

namespace unionroot::layers {

// Copies what is to get into the tree into an empty undo layer. The tree is not touched. Throws SystemError,
// Error(failed) if the layer has changed since the plan was made, Error(cancelled).
void prepare(const ApplyPlan& plan, const Layers& layers, ApplyStore& store, const std::function<bool()>& stop = {});

// After commit(), as far as ApplyPhase::applied. Throws what was in the way once the tree is as it was before, and the
// phase is `undone`. If even that was not possible the hint says so, and finish() goes on.
void carry_forward(ApplyStore& store);

// What a program that died left. The phase afterwards is `applied`, `undone` or `prepared`. Throws as above.
void finish(ApplyStore& store);

// What the tree has where something was applied: as Beginning reads it.
std::string written_by(const ApplyStore& store);
// The same of what it has again once the phase is `undone`: its ctimes are new.
std::string restored_by(const ApplyStore& store);

// Of what was applied: what in the tree was changed since, "/etc/issue was changed since"; empty: it can be undone.
std::vector<std::string> obstacles_to_undo(const ApplyStore& store);

// From `applied` to `undone`: the tree gets back exactly what was replaced. Ask obstacles_to_undo() first. Throws what
// was in the way once the tree is as it was before.
void undo(ApplyStore& store);

}  // namespace unionroot::layers
