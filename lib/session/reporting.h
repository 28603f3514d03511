// Reports the progress of one operation on a session: to listings, to followers of events, and to the caller.
#pragma once

#include "session/parts.h"
#include "session/progress.h"

namespace unionroot::session {

// Reports what the session's stages report while this exists. The destructor publishes that no operation is in
// progress. All arguments except `caller` are borrowed.
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

// Writes new notes of the session's stages to the log.
void log_notes(Operation& operation);

}  // namespace unionroot::session
