// Takes the values of one section, and writes down what is wrong with them.
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

// An empty value counts as a key that is not there: schroot --config writes every key, the empty ones too.
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
  [[nodiscard]] unsigned line_of(std::string_view key) const;  // the header's line if the key is not there

  // Each leaves `value` alone if the key is not there or is wrong.
  void text(std::string_view key, std::string& value) const;
  void list(std::string_view key, std::vector<std::string>& value);
  // The same; a path with a comma in it stands in double quotes.
  void paths(std::string_view key, std::vector<std::string>& value);
  void boolean(std::string_view key, bool& value);           // a bad one is a warning, as in schroot
  void path(std::string_view key, std::string& value);       // without ".."
  void host_path(std::string_view key, std::string& value);  // root's own, which may have ".."
  void required_host_path(std::string_view key, std::string_view for_what, std::string& value);
  void required_text(std::string_view key, std::string_view for_what, std::string& value);
  void bytes(std::string_view key, std::uint64_t& value);
  void size(std::string_view key, std::optional<Size>& value);
  // meaning: of the words, for the message about one that is none of them.
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
