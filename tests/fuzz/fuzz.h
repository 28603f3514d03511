// What every fuzz target has: an input, properties that must hold, and a fault that is planted on request.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "base/error.h"

namespace unionroot::fuzz {

// The target; the file of each target defines it. Whatever leaves it is a finding.
void run(std::string_view input);

// True while the target has to find the fault that its own file plants. No code of the product knows of it.
inline bool planted = false;

class Violation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// The target cannot run here. what() says why.
class Skip : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Violation unless the property holds. shown: the value that it does not hold for.
inline void require(bool holds, const char* property, std::string_view shown = {}) {
  if (!holds) throw Violation(shown.empty() ? property : std::string(property) + ": '" + std::string(shown) + "'");
}

// Valid UTF-8 without control characters of ASCII; newlines may be in it.
void require_text(std::string_view text, const char* what);
// Text that a terminal or the journal may show: without other control characters and marks of direction too.
void require_showable(std::string_view text, const char* what);
// The same of a refusal, which is a good answer to a bad input.
void require_showable(const base::Error& refusal);

// No "..", no NUL.
void require_inside(std::string_view path, const char* what);

}  // namespace unionroot::fuzz
