#include "definition/values.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <limits>

#include "base/text.h"

namespace unionroot::definition {

namespace {

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool lower_letter(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "yes" || text == "1") return true;
  if (text == "false" || text == "no" || text == "0") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();  // off_t
  if (text.empty()) return std::nullopt;
  static constexpr std::string_view units = "KMGT";
  const char last = text.back() >= 'a' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
  const auto unit = units.find(last);
  if (unit != std::string_view::npos) text.remove_suffix(1);
  const unsigned shift = unit == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(unit) + 1);
  const auto number = base::parse_unsigned(text);
  if (!number || *number == 0 || *number > most >> shift) return std::nullopt;
  return *number << shift;
}

std::optional<Size> parse_size(std::string_view text) {
  Size size;
  if (!text.empty() && text.back() == '%') {
    const auto percent = base::parse_unsigned(text.substr(0, text.size() - 1));
    if (!percent || *percent < 1 || *percent > 100) return std::nullopt;
    size.percent = static_cast<unsigned>(*percent);
    return size;
  }
  const auto bytes = parse_bytes(text);
  if (!bytes) return std::nullopt;
  size.bytes = *bytes;
  return size;
}

std::string host_path_fault(std::string_view path) {
  constexpr std::size_t longest = 4095;  // PATH_MAX without the NUL
  if (path.empty()) return "is empty";
  if (path.front() != '/') return "is not an absolute path; expected one that begins with '/'";
  if (path.size() > longest) return "is too long for a path";
  for (const auto& part : base::split(path, '/'))
    if (part.size() > 255) return "has a part longer than 255 bytes";
  return {};
}

std::string path_fault(std::string_view path) {
  for (const auto& part : base::split(path, '/'))
    if (part == "..") return "has '..' in it; expected a path without";
  return host_path_fault(path);
}

std::string working_directory_fault(std::string_view value) {
  if (value == "caller" || value == "home") return {};
  if (!value.starts_with('/')) return "is none of caller, home, or an absolute path inside";
  return host_path_fault(value);
}

bool valid_host_name(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;  // HOST_NAME_MAX
  for (const auto& label : base::split(name, '.', true)) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return letter(c) || digit(c) || c == '-'; }))
      return false;
  }
  return true;
}

bool valid_user_data_key(std::string_view key) {
  auto parts = base::split(key, '.', true);
  if (parts.size() < 2) return false;
  const std::string last = parts.back();
  parts.pop_back();
  const auto is_word = [](const std::string& part, bool hyphens) {
    return !part.empty() && lower_letter(part.front()) && std::all_of(part.begin(), part.end(), [&](char c) {
      return lower_letter(c) || digit(c) || (hyphens && c == '-');
    });
  };
  return is_word(last, true) &&
         std::all_of(parts.begin(), parts.end(), [&](const std::string& part) { return is_word(part, false); });
}

bool reserved_user_data_key(std::string_view key) {
  static constexpr std::string_view prefixes[] = {"auth.",  "chroot.",  "host.",   "libexec.",
                                                  "mount.", "session.", "status.", "sysconf."};
  if (key == "setup.data.dir") return true;
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return key.substr(0, prefix.size()) == prefix; });
}

std::string folder_of(const std::string& path) {
  const auto folder = boost::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (auto& part : base::split(path, '/')) {
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (part != ".") {
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

bool lies_under(std::string_view path, std::string_view folder) {
  const auto parts = path_parts(path), above = path_parts(folder);
  return parts.size() >= above.size() && std::equal(above.begin(), above.end(), parts.begin());
}

std::string absolute_path(const std::string& path) {
  return path.starts_with('/') ? path : boost::filesystem::absolute(path).string();
}

}  // namespace unionroot::definition
