// Turns a session of schroot's into one of this daemon's.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

SessionPtr take_over(Parts& parts, TakeOverRequest request);

}  // namespace unionroot::session
