// Output on stdout and stderr.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace unionroot::cli {

// Opens closed standard descriptors, so that no other file gets their numbers. Each is opened the wrong way round:
// reading the closed input, or writing the closed output, still fails. Call it first.
void open_standard_descriptors();

// Writes data to stdout; throws SystemError if it cannot (a full disk, a closed pipe).
void print(std::string_view data);
// The value as JSON. Characters that are base::is_unprintable() become \uNNNN: safe for a terminal, whole for a parser.
// indent: -1 for a single line.
std::string json_text(const nlohmann::json& value, int indent = 2);
void print_json(const nlohmann::json& value);

// Makes print_error write each error as a JSON object on a line of its own.
void print_errors_as_json();
// Writes "unionroot: <message>" and the hint beneath it to stderr. Escapes control characters, keeps lines. name: the
// error's name on the bus without its prefix, for the JSON object.
void print_error(std::string_view message, std::string_view hint, std::string_view name = "Failed");
void print_error(std::string_view before, const base::Error& error);
void print_warning(std::string_view message);
// Writes "unionroot: <message>" to stderr: a remark on a success.
void print_remark(std::string_view message);

// The text with control characters escaped as by base::printable, but never shortened.
std::string safe(std::string_view text);

// Columns padded to their widest cell, two blanks between; no blanks at the end of a line. Cells are made safe.
std::string table(const std::vector<std::vector<std::string>>& rows);

// The columns of a UTF-8 text: one for each character.
std::size_t display_width(std::string_view text);

// "2026-01-31 12:00:05" in local time.
std::string format_time(std::int64_t microseconds_since_epoch);

// "1.5 GiB"
std::string format_size(std::uint64_t bytes);

}  // namespace unionroot::cli
