// What goes to stdout and to stderr.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace unionroot::cli {

// Opens the standard descriptors that are closed, so that nothing else gets their numbers. Each is opened the wrong
// way round: reading the closed input, or writing the closed output, still fails. To be called first of all.
void open_standard_descriptors();

// Writes data to stdout; throws SystemError if it cannot (a full disk, a closed pipe).
void print(std::string_view data);
// With what base::is_unprintable() as \uNNNN, so that a terminal can show it and a parser gets it whole.
// indent: -1 for a single line.
std::string json_text(const nlohmann::json& value, int indent = 2);
void print_json(const nlohmann::json& value);

// From now on print_error writes an object for each error, on a line of its own.
void print_errors_as_json();
// "unionroot: <message>" and the hint beneath it, on stderr. Control characters are escaped, lines kept. name: that of
// the error on the bus, without its prefix; for the objects.
void print_error(std::string_view message, std::string_view hint, std::string_view name = "Failed");
void print_error(std::string_view before, const base::Error& error);
void print_warning(std::string_view message);
// "unionroot: <message>" on stderr: what there is to know of a success.
void print_remark(std::string_view message);

// The text with control characters escaped, as base::printable has it, but never cut.
std::string safe(std::string_view text);

// Columns padded to their widest cell, two blanks between; no blanks at the end of a line. Cells are made safe.
std::string table(const std::vector<std::vector<std::string>>& rows);

// How many columns a UTF-8 text takes: one a character.
std::size_t display_width(std::string_view text);

// "2026-01-31 12:00:05" in local time.
std::string format_time(std::int64_t microseconds_since_epoch);

// "1.5 GiB"
std::string format_size(std::uint64_t bytes);

}  // namespace unionroot::cli
