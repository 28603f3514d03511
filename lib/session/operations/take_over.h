// How a session of schroot's becomes one of this daemon's.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

SessionPtr take_over(Parts& parts, TakeOverRequest request);

}  // namespace unionroot::session
