#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/characters.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hex.h"
#include "base/text.h"
#include "base/time_text.h"

namespace unionroot::cli {

namespace {

bool errors_as_json = false;

// Failed writes are ignored: errors have no other place, and the exit status still shows them.
void to_stderr(std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string lines(std::string_view first_prefix, std::string_view prefix, std::string_view text) {
  std::string out;
  for (const auto& line : base::split(text, '\n'))
    out.append(out.empty() ? first_prefix : prefix).append(safe(line)).push_back('\n');
  return out;
}

// \uNNNN; a surrogate pair beyond the first 65536 characters (RFC 8259, section 7).
void append_json_escape(std::string& out, char32_t character) {
  const auto append_unit = [&out](std::uint32_t unit) {
    base::append_hex(out.append("\\u"), static_cast<std::uint8_t>(unit >> 8));
    base::append_hex(out, static_cast<std::uint8_t>(unit));
  };
  if (character < 0x10000) return append_unit(character);
  append_unit(0xD800 + ((character - 0x10000) >> 10));
  append_unit(0xDC00 + ((character - 0x10000) & 0x3FF));
}

}  // namespace

void open_standard_descriptors() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // open(2) returns the lowest free number: the one just found closed.
    base::check(::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY), "opening", "/dev/null");
  }
}

void print(std::string_view data) { base::write_all(STDOUT_FILENO, data, "to the standard output"); }

std::string json_text(const nlohmann::json& value, int indent) {
  const auto plain = value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string out;
  for (std::string_view rest = plain; !rest.empty();) {
    const auto first = base::first_character(rest);
    // Newlines stand between values. All other unprintable characters are in strings.
    if (rest[0] != '\n' && base::is_unprintable(first.character))
      append_json_escape(out, first.character);
    else
      out.append(rest.substr(0, first.length));
    rest.remove_prefix(first.length);
  }
  return out;
}

void print_json(const nlohmann::json& value) { print(json_text(value) + "\n"); }

void print_errors_as_json() { errors_as_json = true; }

void print_error(std::string_view message, std::string_view hint, std::string_view name) {
  if (errors_as_json) {
    const nlohmann::json error{{"name", name}, {"message", base::as_utf8(message)}, {"hint", base::as_utf8(hint)}};
    return to_stderr(json_text({{"error", error}}, -1) + "\n");
  }
  to_stderr(lines("unionroot: ", "  ", message) + lines("  ", "  ", hint));
}

void print_error(std::string_view before, const base::Error& error) {
  print_error(base::concat(before, error.what()), error.hint(), base::error_name(error.code()));
}

void print_warning(std::string_view message) { to_stderr(lines("unionroot: warning: ", "  ", message)); }

void print_remark(std::string_view message) { to_stderr(lines("unionroot: ", "  ", message)); }

std::string safe(std::string_view text) { return base::printable(text, std::string_view::npos); }

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(row[i].empty() ? "-" : safe(row[i]));
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], display_width(line.back()));
    }
  }
  std::string out;
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - display_width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string format_time(std::int64_t microseconds_since_epoch) {
  return microseconds_since_epoch <= 0 ? "" : base::local_time(microseconds_since_epoch);
}

std::string format_size(std::uint64_t bytes) {
  static constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return base::concat(bytes, " bytes");
  std::size_t unit = 0;
  std::uint64_t tenths = bytes * 10 / 1024;
  for (; tenths >= 10240 && unit + 1 < std::size(units); ++unit) tenths /= 1024;
  return base::concat(tenths / 10, '.', tenths % 10, ' ', units[unit]);
}

}  // namespace unionroot::cli
