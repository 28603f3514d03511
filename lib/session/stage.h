// A stage: one ordered step of set-up with its exact reverse.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "session/session.h"
#include "session/stage_data.h"

namespace unionroot::session {

enum class Recovery { intact, partial, gone };

// What a tear-down leaves.
enum class TearDown {
  everything,  // the session ends: its data goes too
  keep_data,   // the session is to be set up again later: upper layer, images and snapshots stay
};

// `data` is kept in the journal once set_up has returned. The daemon may die before that, so tear_down must be able to
// undo a part-done set_up from the definition and the session's id alone.
class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;

  // False: sessions on such a definition do without it, and nothing is written down for it.
  [[nodiscard]] virtual bool applies(const definition::Definition&) const { return true; }

  // Throws; may leave a part done, which tear_down then undoes.
  virtual void set_up(Operation& operation, StageData& data) = 0;

  // Idempotent: undoes whatever set_up did, all, part or none of it. `data` is what set_up left in the journal, perhaps
  // nothing. Throws if something could not be undone, after having tried the rest.
  virtual void tear_down(Operation& operation, const StageData& data, TearDown mode) = 0;

  // After a restart of the daemon: what is there of this stage? Fills in the set-up if it is intact.
  virtual Recovery recover(Operation& operation, const StageData& data) = 0;
};

using Stages = std::vector<std::unique_ptr<Stage>>;

// The stages of every session, in order. The one place that knows the order.
Stages session_stages();

}  // namespace unionroot::session
