// What the commands of a session have changed is taken back.
//
// The plan (layers/reset_plan.h) lies beside the upper layer as the file `reset` from the moment when it is decided on.
// The session is then set up again, as after a restart: the union stage carries the plan out before it lays the
// overlay, the files stage writes those of the host's files anew that went with it, and takes the plan away. A daemon
// that dies on the way finds the session `recovering`, and the next one does the same.
#pragma once

#include "layers/reset_plan.h"
#include "session/parts.h"

namespace unionroot::session {

// See Sessions::reset.
bool reset(Parts& parts, Operation& operation, const ResetRequest& request, const std::function<bool()>& cancelled,
           TellProgress progress);

// That nothing runs in the session, and that its upper layer is one of its own that lasts. verb: "reset", for messages.
void require_changeable(const Operation& operation, const char* verb);

// Beside the upper layer, in the folder `own`: what carry_out_reset() does next.
void write_reset_plan(int own, const layers::ResetPlan& plan);

// In the stages of a session that is set up again; without a plan they do nothing. store: the folder with `upper` and
// `work`, or one above it, in which `folder` is that.
void carry_out_reset(const Operation& operation, int store, const std::string& folder);
void finish_reset(Operation& operation, int root);

}  // namespace unionroot::session
