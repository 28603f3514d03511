#include "schroot/messages.h"

#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "cli/output.h"

namespace unionroot::schroot {

namespace {

// If standard error cannot be written, only the exit status tells.
void say(std::string_view prefix, std::string_view text) {
  std::string lines;
  for (const auto& line : base::split(text, '\n', true)) lines += base::concat(prefix, cli::safe(line), "\n");
  std::string_view rest = lines;
  while (!rest.empty()) {
    const auto count = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

void say_error(std::string_view text) { say("E: ", text); }
void say_error(std::string_view text, std::string_view hint) {
  say_error(text);
  if (!hint.empty()) say_information(hint);
}
void say_warning(std::string_view text) { say("W: ", text); }
void say_information(std::string_view text) { say("I: ", text); }

}  // namespace unionroot::schroot
