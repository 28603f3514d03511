// A stage: one ordered step of set-up, with its exact reverse.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "session/session.h"
#include "session/stage_data.h"

namespace unionroot::session {

enum class Recovery { intact, partial, gone };

// How much a tear-down removes.
enum class TearDown {
  everything,  // the session ends and loses its data
  keep_data,   // the session will be set up again: upper layer, images and snapshots stay
};

// The journal stores `data` once set_up has returned. The daemon may die before that. So tear_down must be able to undo
// a partial set_up from the definition and the session's id alone.
class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;

  // False: sessions on such a definition do not have this stage, and the journal has no entry for it.
  [[nodiscard]] virtual bool applies(const definition::Definition&) const { return true; }

  // Throws, and may leave a partial set-up for tear_down.
  virtual void set_up(Operation& operation, StageData& data) = 0;

  // Undoes what set_up did: all, part or none of it. Idempotent. `data` is what set_up left in the journal, perhaps
  // nothing. If something cannot be undone, tries the rest and then throws.
  virtual void tear_down(Operation& operation, const StageData& data, TearDown mode) = 0;

  // Called after a restart of the daemon. Reports how much of this stage exists. Fills in the set-up if it is intact.
  virtual Recovery recover(Operation& operation, const StageData& data) = 0;
};

using Stages = std::vector<std::unique_ptr<Stage>>;

// The stages of every session, in order. Only this function defines the order.
Stages session_stages();

}  // namespace unionroot::session
