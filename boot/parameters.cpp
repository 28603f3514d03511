#include "boot/parameters.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace unionroot::boot {

using base::concat;

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

Setting setting(std::string_view word, std::string origin) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return {std::string(word), {}, std::move(origin)};
  return {std::string(word.substr(0, equals)), std::string(word.substr(equals + 1)), std::move(origin)};
}

// Whether the text has no blank, no control character, and only ASCII. Paths and names must be so.
bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// A label may contain blanks and the letters of any language.
bool is_label(std::string_view text) {
  return !text.empty() && base::valid_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

constexpr std::array<std::pair<std::string_view, DeviceName::Kind>, 4> device_prefixes{{
    {"LABEL=", DeviceName::Kind::label},
    {"UUID=", DeviceName::Kind::uuid},
    {"PARTUUID=", DeviceName::Kind::part_uuid},
    {"PARTLABEL=", DeviceName::Kind::part_label},
}};

}  // namespace

std::vector<Setting> settings_of_command_line(std::string_view text) {
  std::vector<Setting> settings;
  std::string word;
  bool quoted = false, begun = false;
  const auto end_word = [&] {
    const bool last = word == "--";
    if (begun && !last) settings.push_back(setting(word, "kernel command line"));
    word.clear();
    begun = false;
    return !last;
  };
  for (const char c : text) {
    if (is_blank(c) && !quoted) {
      if (!end_word()) return settings;
      continue;
    }
    begun = true;
    if (c == '"')
      quoted = !quoted;
    else
      word.push_back(c);
  }
  end_word();
  return settings;
}

SettingsOfFile settings_of_file(std::string_view text, const std::string& name) {
  SettingsOfFile found;
  unsigned number = 0;
  for (const auto& whole : base::split(text, '\n', true)) {
    ++number;
    std::string_view line = whole;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = base::trim(line);
    if (line.empty() || line.front() == '#') continue;
    auto origin = concat(name, ":", number);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || base::trim(line.substr(0, equals)).empty()) {
      found.problems.push_back(
          concat(origin, ": ", base::printable(line), ": expected \"key = value\"; the line is ignored"));
      continue;
    }
    found.settings.push_back({std::string(base::trim(line.substr(0, equals))),
                              std::string(base::trim(line.substr(equals + 1))), std::move(origin)});
  }
  return found;
}

std::string DeviceName::text() const {
  for (const auto& [prefix, kind_of_prefix] : device_prefixes)
    if (kind_of_prefix == kind) return concat(prefix, value);
  return value;
}

std::optional<DeviceName> parse_device_name(std::string_view text) {
  for (const auto& [prefix, kind] : device_prefixes) {
    if (!text.starts_with(prefix)) continue;
    const auto value = text.substr(prefix.size());
    const bool label = kind == DeviceName::Kind::label || kind == DeviceName::Kind::part_label;
    if (label ? !is_label(value) : !is_plain(value)) return std::nullopt;
    return DeviceName{kind, std::string(value)};
  }
  if (!text.starts_with("/dev/") || !is_plain(text) || text.size() == 5) return std::nullopt;
  for (const auto& part : base::split(text, '/'))
    if (part == "..") return std::nullopt;
  return DeviceName{DeviceName::Kind::path, std::string(text)};
}

}  // namespace unionroot::boot
