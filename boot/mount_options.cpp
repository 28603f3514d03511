#include "boot/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "base/mount_attributes.h"
#include "base/text.h"

namespace unionroot::boot {

namespace {

// Attributes that base/mount_attributes.h does not have.
constexpr base::AttributeWord more_words[] = {{"diratime", 0, MOUNT_ATTR_NODIRATIME},
                                              {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW}};

constexpr std::array<std::string_view, 12> words_of_mount8{"defaults", "auto",  "noauto", "nofail", "_netdev", "user",
                                                           "nouser",   "users", "owner",  "group",  "silent",  "loud"};

bool is_of_mount8(std::string_view word) {
  return word.starts_with("x-") || word.starts_with("comment=") ||
         std::find(words_of_mount8.begin(), words_of_mount8.end(), word) != words_of_mount8.end();
}

bool take_attribute(MountWords& found, std::string_view word) {
  const auto* known = base::find_attribute(base::attribute_words, word);
  if (known == nullptr) known = base::find_attribute(more_words, word);
  if (known != nullptr) found.attributes = known->applied_to(found.attributes);
  return known != nullptr;
}

}  // namespace

std::optional<MountWords> parse_mount_options(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; })) return std::nullopt;
  MountWords found;
  for (const auto& word : base::split(text, ',')) {
    if (word == "ro" || word == "rw") {
      found.read_only = word == "ro";
      continue;
    }
    if (is_of_mount8(word) || take_attribute(found, word)) continue;
    const auto equals = word.find('=');
    // fsconfig(2) takes a string of at most 255 bytes.
    if (equals == 0 || word.size() > 255) return std::nullopt;
    if (equals == std::string::npos)
      found.options.emplace_back(word, "");
    else
      found.options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return found;
}

std::string MountWords::text() const {
  std::string out = read_only ? "ro" : "rw";
  for (const auto& [name, set, cleared] : base::attribute_words)
    if (set != 0 && (attributes & set) == set) out += base::concat(",", name);
  for (const auto& [key, value] : options) out += base::concat(",", key, value.empty() ? "" : "=", value);
  return out;
}

}  // namespace unionroot::boot
