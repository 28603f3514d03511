#include "definition/fstab_line.h"

#include <algorithm>

namespace unionroot::definition {

namespace {

constexpr std::string_view blanks = " \t";

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// Replaces a backslash and three octal digits, such as \040, by the byte. Any other backslash stays.
std::string unescape(std::string_view field) {
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool escape = field[i] == '\\' && field.size() - i > 3 && is_octal(field[i + 1]) && is_octal(field[i + 2]) &&
                        is_octal(field[i + 3]);
    out.push_back(escape
                      ? static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'))
                      : field[i]);
    if (escape) i += 3;
  }
  return out;
}

// Takes the next field from `rest`. Empty at the end.
std::string_view take_field(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  const auto field = rest.substr(0, rest.find_first_of(blanks));
  rest.remove_prefix(field.size());
  return field;
}

bool is_number_or_absent(std::string_view field) {
  if (field.starts_with('+') || field.starts_with('-')) field.remove_prefix(field.size() > 1 ? 1 : 0);
  return std::all_of(field.begin(), field.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Splits at commas; a value in double quotes may contain commas. Returns false if an option is malformed.
bool split_options(std::string_view list, std::vector<std::string>& options) {
  while (!list.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end)
      if (list[end] == '"') quoted = !quoted;
    const auto option = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (quoted || option.starts_with('=')) return false;
    if (!option.empty()) options.emplace_back(option);
  }
  return true;
}

}  // namespace

std::optional<FstabFields> parse_fstab_line(std::string_view line) {
  FstabFields fields;
  fields.source = unescape(take_field(line));
  fields.target = unescape(take_field(line));
  fields.type = unescape(take_field(line));
  const auto options = unescape(take_field(line));
  const auto frequency = take_field(line), pass = take_field(line);
  if (fields.type.empty() || !is_number_or_absent(frequency) || !is_number_or_absent(pass) ||
      !split_options(options, fields.options))
    return std::nullopt;
  return fields;
}

}  // namespace unionroot::definition
