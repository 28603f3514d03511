#include "definition/section_reader.h"

#include <algorithm>

#include "base/text.h"
#include "definition/suggest.h"

namespace unionroot::definition {

using base::concat;
using base::printable;

void SectionReader::report(Problem::Severity severity, unsigned line, std::string message) {
  problems_.push_back({severity, file_, line, section_.name, std::move(message)});
}

void SectionReader::error(unsigned line, std::string message) {
  failed_ = true;
  report(Problem::Severity::error, line, std::move(message));
}

void SectionReader::warning(unsigned line, std::string message) {
  report(Problem::Severity::warning, line, std::move(message));
}

void SectionReader::notice(unsigned line, std::string message) {
  report(Problem::Severity::notice, line, std::move(message));
}

const KeyfileEntry* SectionReader::find(std::string_view key) const {
  const auto* entry = section_.find(key);
  return entry == nullptr || entry->value.empty() ? nullptr : entry;
}

unsigned SectionReader::line_of(std::string_view key) const {
  const auto* entry = section_.find(key);
  return entry == nullptr ? section_.line : entry->line;
}

void SectionReader::text(std::string_view key, std::string& value) const {
  if (const auto* entry = find(key)) value = entry->value;
}

void SectionReader::list(std::string_view key, std::vector<std::string>& value) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  value = base::split(entry->value, ',');
  for (const auto& item : value) {
    if (base::trim(item).size() == item.size()) continue;
    warning(entry->line, concat(key, ": '", printable(item),
                                "' begins or ends with a blank; the blank is part of the item, only commas separate "
                                "items"));
  }
}

void SectionReader::paths(std::string_view key, std::vector<std::string>& value) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  if (entry->value.find('"') == std::string::npos) return list(key, value);
  value.clear();
  std::string_view rest = entry->value;
  while (!rest.empty()) {
    const bool quoted = rest.front() == '"';
    const auto end = std::min(rest.find(quoted ? '"' : ',', quoted ? 1 : 0), rest.size());
    value.emplace_back(rest.substr(quoted ? 1 : 0, end - (quoted ? 1 : 0)));
    rest.remove_prefix(end);
    const bool closed = quoted && !rest.empty();
    if (closed) rest.remove_prefix(1);
    if ((quoted && !closed) || (!rest.empty() && rest.front() != ','))
      return error(entry->line, concat(key, ": '", printable(entry->value),
                                       "' has an unclosed quote, or text after a closing quote; expected paths "
                                       "with commas between, a path with a comma in double quotes"));
    if (!rest.empty()) rest.remove_prefix(1);
  }
}

void SectionReader::boolean(std::string_view key, bool& value) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  if (const auto parsed = parse_boolean(entry->value))
    value = *parsed;
  else
    warning(entry->line, concat(key, ": '", printable(entry->value), "' is neither true, yes, 1 nor false, no, 0; ",
                                value ? "true" : "false", " is assumed"));
}

void SectionReader::path(std::string_view key, std::string& value) { checked_path(key, path_fault, value); }

void SectionReader::host_path(std::string_view key, std::string& value) { checked_path(key, host_path_fault, value); }

void SectionReader::working_directory(std::string_view key, std::string& value) {
  checked_path(key, working_directory_fault, value);
}

void SectionReader::checked_path(std::string_view key, std::string (*fault_of)(std::string_view), std::string& value) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const auto fault = fault_of(entry->value);
  if (fault.empty())
    value = entry->value;
  else
    error(entry->line, concat(key, ": '", printable(entry->value), "' ", fault));
}

void SectionReader::missing(std::string_view key, std::string_view for_what) {
  const auto* entry = section_.find(key);
  error(entry != nullptr ? entry->line : section_.line,
        concat("the key '", key, "' is ", entry != nullptr ? "empty" : "missing", "; ", for_what, " needs it"));
}

void SectionReader::required_host_path(std::string_view key, std::string_view for_what, std::string& value) {
  if (!has(key)) return missing(key, for_what);
  host_path(key, value);
}

void SectionReader::required_text(std::string_view key, std::string_view for_what, std::string& value) {
  if (!has(key)) return missing(key, for_what);
  text(key, value);
}

void SectionReader::bytes(std::string_view key, std::uint64_t& value) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  if (const auto parsed = parse_bytes(entry->value))
    value = *parsed;
  else
    error(entry->line,
          concat(key, ": '", printable(entry->value),
                 "' is not a size; expected a number of bytes over 0, optionally with K, M, G or T after it"));
}

void SectionReader::size(std::string_view key, std::optional<Size>& value) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  if (const auto parsed = parse_size(entry->value))
    value = parsed;
  else
    error(entry->line, concat(key, ": '", printable(entry->value),
                              "' is not a size; expected a number of bytes over 0, "
                              "optionally with K, M, G or T after it, or 1% to 100%"));
}

void SectionReader::choice(std::string_view key, Choice& value, std::string_view meaning) {
  static constexpr Word<Choice> choices[] = {
      {"auto", Choice::automatic}, {"yes", Choice::yes}, {"no", Choice::no}, {"true", Choice::yes},
      {"false", Choice::no},       {"1", Choice::yes},   {"0", Choice::no}};
  word(key, choices, value, meaning);
}

void SectionReader::bad_word(const KeyfileEntry& entry, const std::vector<std::string>& expected,
                             std::string_view meaning) {
  error(entry.line, concat(entry.key, ": '", printable(entry.value),
                           "' is not known; expected one of: ", base::join(expected, ", "),
                           meaning.empty() ? "" : concat(" (", meaning, ")"), did_you_mean(entry.value, expected)));
}

}  // namespace unionroot::definition
