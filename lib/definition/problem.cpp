#include "definition/problem.h"

#include "base/text.h"

namespace unionroot::definition {

std::string Problem::text() const {
  return line == 0 ? base::concat(file, ": ", message) : base::concat(file, ":", line, ": ", message);
}

}  // namespace unionroot::definition
