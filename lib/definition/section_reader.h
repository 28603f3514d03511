// Reads the values of one section and reports errors in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "definition/keyfile.h"
#include "definition/values.h"

namespace unionroot::definition {

template <typename Value>
struct Word {
  std::string_view text;
  Value value;
};

// An empty value counts as a missing key: schroot --config writes every key, including empty ones.
class SectionReader {
 public:
  SectionReader(const KeyfileSection& section, const std::string& file, Problems& problems)
      : section_(section), file_(file), problems_(problems) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const KeyfileSection& section() const { return section_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  void error(unsigned line, std::string message);
  void warning(unsigned line, std::string message);
  void notice(unsigned line, std::string message);

  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  [[nodiscard]] unsigned line_of(std::string_view key) const;  // the line of the section header if the key is missing

  // These leave `value` unchanged if the key is missing or wrong.
  void text(std::string_view key, std::string& value) const;
  void list(std::string_view key, std::vector<std::string>& value);
  // A list of paths. A path with a comma stands in double quotes.
  void paths(std::string_view key, std::vector<std::string>& value);
  void boolean(std::string_view key, bool& value);           // as in schroot, a malformed value is a warning
  void path(std::string_view key, std::string& value);       // ".." is not allowed
  void host_path(std::string_view key, std::string& value);  // a path chosen by root; ".." is allowed
  void required_host_path(std::string_view key, std::string_view for_what, std::string& value);
  void required_text(std::string_view key, std::string_view for_what, std::string& value);
  void bytes(std::string_view key, std::uint64_t& value);
  void size(std::string_view key, std::optional<Size>& value);
  // meaning: explains the words in the error message.
  void choice(std::string_view key, Choice& value, std::string_view meaning = {});
  void working_directory(std::string_view key, std::string& value);  // caller, home, or an absolute path inside

  template <typename Value, std::size_t Count>
  void word(std::string_view key, const Word<Value> (&words)[Count], Value& value, std::string_view meaning = {}) {
    const auto* entry = find(key);
    if (entry == nullptr) return;
    std::vector<std::string> expected;
    for (const auto& known : words) {
      if (known.text == entry->value) {
        value = known.value;
        return;
      }
      expected.emplace_back(known.text);
    }
    bad_word(*entry, expected, meaning);
  }

 private:
  [[nodiscard]] const KeyfileEntry* find(std::string_view key) const;
  void checked_path(std::string_view key, std::string (*fault_of)(std::string_view), std::string& value);
  void missing(std::string_view key, std::string_view for_what);
  void bad_word(const KeyfileEntry& entry, const std::vector<std::string>& expected, std::string_view meaning);
  void report(Problem::Severity severity, unsigned line, std::string message);

  const KeyfileSection& section_;
  const std::string& file_;
  Problems& problems_;
  bool failed_ = false;
};

}  // namespace unionroot::definition
