// Mount options as a definition gives them: of the source, and of the overlay.
#include "base/text.h"
#include "definition/mount_words.h"
#include "fuzz.h"
#include "mount/overlay_entry.h"

namespace unionroot::fuzz {

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

Options overlay_options(const std::string& text) {
  auto options = mount::overlay_options(text);
  if (planted && text.find(",,") != text.npos && !options.empty()) options.pop_back();
  return options;
}

std::string written(const Options& options) {
  std::string text;
  for (const auto& [key, value] : options) text += (text.empty() ? "" : ",") + key + (value.empty() ? "" : "=" + value);
  return text;
}

// In the order of the text, each one that is not empty.
void check_order(const Options& options, const std::string& text) {
  std::size_t at = 0;
  for (const auto& [key, value] : options) {
    at = text.find(key, at);
    require(at != text.npos, "the options are in the order of the text", text);
    at += key.size();
  }
}

void check_overlay(const std::string& text) {
  try {
    const auto options = overlay_options(text);
    check_order(options, text);
    std::size_t words = 0;
    for (const auto& part : base::split(text, ',')) words += base::trim(part).empty() ? 0 : 1;
    require(options.size() == words, "no option is lost", text);
    require(mount::overlay_options(written(options)) == options, "options of an overlay are read as written", text);
    for (const auto& [key, value] : options)
      require(key != "lowerdir" && key != "upperdir" && key != "workdir", "the daemon alone names layers", text);
  } catch (const base::Error& refusal) {
    require_showable(refusal);
  }
}

}  // namespace

void run(std::string_view input) {
  const std::string text(input);
  check_overlay(text);
  definition::MountWords words;
  if (const auto fault = definition::parse_mount_words(text, words); !fault.empty())
    return require_showable(fault, "a fault can be shown");
  for (const auto& [key, value] : words.options) {
    require(!key.empty(), "an option has a name", text);
    require((key + value).find_first_of(", \t") == std::string::npos, "an option is one word", text);
  }
  require(words.type.find_first_of(" \t") == std::string::npos, "a type is one word", words.type);
  if (words.options.empty()) return;
  definition::MountWords again;
  const auto rewritten = "-o " + written(words.options);
  const auto fault = definition::parse_mount_words(rewritten, again);
  require(fault.empty() && again.options == words.options, "options are read as they were written", rewritten);
}

}  // namespace unionroot::fuzz
