#include "base/text.h"

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

std::size_t utf8_length(std::string_view text) {
  static constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (text.empty()) return 0;
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) return 0;
  std::uint32_t point = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return 0;
    point = point << 6 | (byte & 0x3Fu);
  }
  // Overlong forms, what is beyond Unicode, and surrogates are none: D-Bus cuts off whoever sends them.
  const bool valid = point >= smallest[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  return valid ? length : 0;
}

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

// The byte that an escape \xNN at the start of `text` stands for; -1 if there is none.
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
    const std::size_t length = utf8_length(text);
    const auto c = static_cast<unsigned char>(text[0]);
    // U+0080 to U+009F (C2 80 to C2 9F) are control characters too: terminals obey them.
    const bool control =
        c < 0x20 || c == 0x7f || (length == 2 && c == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0);
    if (length == 0 || control) {
      append_escape(out, text[0]);
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
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
