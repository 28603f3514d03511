#include "kernel/mountinfo.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::kernel {

std::string unescape_octal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3' && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      out.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

namespace {

MountEntry parse_line(const std::string& line) {
  const auto malformed = [&] {
    return base::Error(base::ErrorCode::failed,
                       base::concat("reading mountinfo: this line is not as proc(5) says: ", base::printable(line)));
  };
  // An empty source is written as an empty field, so empty fields count.
  const std::vector<std::string> fields = base::split(line, ' ', true);
  const auto dash = std::find(fields.begin() + std::min<std::ptrdiff_t>(6, std::ssize(fields)), fields.end(), "-");
  if (fields.end() - dash < 4) throw malformed();
  const auto id = base::parse_unsigned(fields[0]);
  const auto parent = base::parse_unsigned(fields[1]);
  if (!id || !parent) throw malformed();
  MountEntry entry;
  entry.id = *id;
  entry.parent = *parent;
  entry.device = fields[2];
  entry.root = unescape_octal(fields[3]);
  entry.target = unescape_octal(fields[4]);
  entry.options = fields[5];
  entry.propagation.assign(fields.begin() + 6, dash);
  entry.type = dash[1];
  entry.source = unescape_octal(dash[2]);
  entry.super_options = dash[3];
  return entry;
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  for (const std::string& line : base::split(text, '\n')) entries.push_back(parse_line(line));
  return entries;
}

}  // namespace unionroot::kernel
