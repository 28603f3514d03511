// Progress of one operation on a session: to listings, to everybody who follows events, and to who asked for the
// operation.
#pragma once

#include "session/parts.h"
#include "session/progress.h"

namespace unionroot::session {

// While this lives, what the session's stages report is told. Its end tells that nothing is under way any more. All
// arguments but `caller` are borrowed.
class Reporting {
 public:
  Reporting(const Parts& parts, Operation& operation, TellProgress caller);
  Reporting(const Reporting&) = delete;
  Reporting& operator=(const Reporting&) = delete;
  ~Reporting();

 private:
  void tell(const Progress& progress) const noexcept;

  const Parts& parts_;
  Operation& operation_;
  const TellProgress caller_;
  ProgressThrottle throttle_;
};

// New notes of the session's stages go to the log.
void log_notes(Operation& operation);

}  // namespace unionroot::session
