#include "definition/mount_words.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/mount_attributes.h"
#include "base/text.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

// Options of mount(8) and fstab(5) that have no effect here.
bool without_effect(std::string_view word) {
  static constexpr std::string_view words[] = {"defaults", "auto", "noauto", "nouser", "nofail",
                                               "_netdev",  "loop", "async",  "rw"};
  return word.rfind("x-", 0) == 0 || std::find(std::begin(words), std::end(words), word) != std::end(words);
}

std::string take_option(const std::string& option, MountWords& words) {
  static constexpr std::string_view refused[] = {"bind",  "rbind",  "move",      "remount", "user",  "users",  "owner",
                                                 "group", "offset", "sizelimit", "shared",  "slave", "private"};
  if (option == "ro") {
    words.read_only = true;
    return {};
  }
  if (const auto* const attribute = base::find_attribute(base::attribute_words, option)) {
    words.attributes = attribute->applied_to(words.attributes);
    return {};
  }
  const auto equals = option.find('=');
  const auto name = option.substr(0, equals);
  if (name.empty()) return concat("'", printable(option), "' is not a mount option");
  if (equals + 1 == option.size()) return concat("the mount option '", printable(option), "' has no value");
  if (std::find(std::begin(refused), std::end(refused), name) != std::end(refused))
    return concat("the mount option '", printable(name), "' is not allowed here");
  if (!without_effect(name))
    words.options.emplace_back(name, equals == std::string::npos ? "" : option.substr(equals + 1));
  return {};
}

std::string take_options(const std::string& list, MountWords& words) {
  for (const auto& option : base::split(list, ',')) {
    auto wrong = take_option(option, words);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace

std::string parse_mount_words(const std::string& text, MountWords& words) {
  std::string blanks = text;
  std::replace(blanks.begin(), blanks.end(), '\t', ' ');
  const auto parts = base::split(blanks, ' ');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string part = parts[i];
    const bool type = part.rfind("-t", 0) == 0;
    if (part.front() == '-' && !type && part.rfind("-o", 0) != 0)
      return concat("'", printable(part),
                    "' is not an option of mount(8) that is allowed here; expected -o OPTIONS or -t TYPE");
    if (part.front() == '-') {
      part.erase(0, 2);
      if (part.empty() && ++i == parts.size()) return concat("a word is missing after '", parts[i - 1], "'");
      if (part.empty()) part = parts[i];
    }
    if (type) {
      words.type = part;
      continue;
    }
    auto wrong = take_options(part, words);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace unionroot::definition
