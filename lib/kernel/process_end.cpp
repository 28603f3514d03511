#include "kernel/process_end.h"

#include "base/text.h"

namespace unionroot::kernel {

std::string describe(const ProcessEnd& end) {
  switch (end.how) {
    case ProcessEnd::How::exited: return base::concat("ended with status ", end.value);
    case ProcessEnd::How::killed: return base::concat("was killed by signal ", end.value);
    case ProcessEnd::How::not_started: return "could not be started";
    case ProcessEnd::How::unknown: break;
  }
  return "ended in an unknown way";
}

}  // namespace unionroot::kernel
