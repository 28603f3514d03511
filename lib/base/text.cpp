#include "base/text.h"

#include <algorithm>

#include "base/characters.h"
#include "base/hex.h"

namespace unionroot::base {

std::vector<std::string> split(std::string_view text, char separator, bool keep_empty) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    const auto part = text.substr(0, end);
    if (!part.empty() || keep_empty) parts.emplace_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const auto& part : parts) {
    if (&part != &parts.front()) out.append(separator);
    out.append(part);
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::size_t utf8_length(std::string_view text) { return first_character(text).length; }

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

namespace {

void append_escape(std::string& out, char byte) { append_hex(out.append("\\x"), static_cast<std::uint8_t>(byte)); }

// The byte that an escape \xNN at the start of `text` stands for; -1 if there is no escape.
int escaped_byte(std::string_view text) {
  const auto digit = [&](std::size_t at) {
    const auto found = std::string_view(hex_digits).find(text[at]);
    return found == std::string_view::npos ? -1 : static_cast<int>(found);
  };
  if (text.size() < 4 || text[0] != '\\' || text[1] != 'x' || digit(2) < 0 || digit(3) < 0) return -1;
  return digit(2) * 16 + digit(3);
}

std::string to_utf8(std::string_view text, bool reversible) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = text[0] == '\0' ? 0 : utf8_length(text);
    if (length == 0 || (reversible && escaped_byte(text) >= 0))
      append_escape(out, text[0]);
    else
      out.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text, std::size_t longest) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= longest) return out + "...";
    const auto first = first_character(text);
    const std::size_t length = std::max<std::size_t>(first.length, 1);
    if (first.length == 0 || is_unprintable(first.character))
      for (const char byte : text.substr(0, length)) append_escape(out, byte);
    else
      out.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

std::string as_utf8(std::string_view message) { return to_utf8(message, false); }
std::string name_as_utf8(std::string_view name) { return to_utf8(name, true); }

std::string name_from_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const int byte = escaped_byte(text);
    out.push_back(byte < 0 ? text[0] : static_cast<char>(byte));
    text.remove_prefix(byte < 0 ? 1 : 4);
  }
  return out;
}

}  // namespace unionroot::base
