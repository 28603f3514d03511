// Others' text made fit for a terminal, the journal and the bus.
#include "base/text.h"

#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

std::string from_utf8(std::string_view text) {
  if (planted && text.starts_with("\\x")) return std::string(text);
  return base::name_from_utf8(text);
}

}  // namespace

void run(std::string_view input) {
  const auto shown = base::printable(input, 1000);
  require_showable(shown, "printable text can be shown");
  require(shown.find('\n') == shown.npos, "printable text stays on its line", shown);
  const auto message = base::as_utf8(input);
  require(base::valid_utf8(message) && message.find('\0') == message.npos, "the bus takes a message", message);
  const auto name = base::name_as_utf8(input);
  require(base::valid_utf8(name) && name.find('\0') == name.npos, "the bus takes a name", name);
  require(from_utf8(name) == input, "a name comes back", name);
}

}  // namespace unionroot::fuzz
