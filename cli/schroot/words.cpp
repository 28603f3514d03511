#include "schroot/words.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace unionroot::schroot {

namespace {

using base::concat;

std::string canonical(const Option& option) { return concat("--", option.name); }

class Parser {
 public:
  Parser(const std::vector<std::string>& words, std::span<const Option> known) : words_(words), known_(known) {}

  Words parse() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (word == "--") {
        found_.others.insert(found_.others.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
        break;
      }
      if (word.starts_with("--"))
        take_long(std::string_view(word).substr(2));
      else if (word.size() > 1 && word[0] == '-')
        take_cluster(word);
      else
        found_.others.push_back(word);
    }
    refuse_repetitions();
    return std::move(found_);
  }

 private:
  [[nodiscard]] const Option* find_letter(char letter) const {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const Option& option) { return letter != '\0' && option.letter == letter; });
    return found == known_.end() ? nullptr : &*found;
  }

  [[nodiscard]] const Option& find_long(std::string_view name) const {
    std::vector<const Option*> near;
    for (const auto& option : known_) {
      if (option.name == name) return option;
      if (option.name.starts_with(name)) near.push_back(&option);
    }
    if (near.empty()) throw Mistake(concat("unrecognised option '--", base::printable(name), "'"));
    if (near.size() > 1) refuse_ambiguous(name, near);
    return *near.front();
  }

  [[noreturn]] static void refuse_ambiguous(std::string_view name, const std::vector<const Option*>& near) {
    std::set<std::string> names;
    for (const auto* option : near) names.insert(concat("'--", option->name, "'"));
    std::string list;
    std::size_t left = names.size();
    for (const auto& each : names) list += concat(list.empty() ? "" : ", ", --left == 0 ? "and " : "", each);
    throw Mistake(concat("option '--", base::printable(name), "' is ambiguous and matches ", list));
  }

  void take_long(std::string_view word) {
    const auto equals = word.find('=');
    const auto& option = find_long(word.substr(0, equals));
    if (equals == std::string_view::npos) return take(option);
    const auto value = word.substr(equals + 1);
    if (value.empty() && option.takes_value)
      throw Mistake(
          concat("the argument for option '", canonical(option), "' should follow immediately after the equal sign"));
    if (!option.takes_value) throw Mistake(concat("option '", canonical(option), "' does not take any arguments"));
    found_.options.push_back({&option, std::string(value)});
  }

  // "-qpcNAME": options without a value, perhaps followed by one with a value.
  void take_cluster(const std::string& word) {
    for (std::size_t letter = 1; letter < word.size(); ++letter) {
      const auto* const option = find_letter(word[letter]);
      if (option == nullptr) throw Mistake(concat("unrecognised option '", base::printable(word), "'"));
      if (option->takes_value && letter + 1 < word.size()) {
        found_.options.push_back({option, word.substr(letter + 1)});
        return;
      }
      take(*option);
    }
  }

  // Takes the option, and the next word if the option needs a value.
  void take(const Option& option) {
    if (!option.takes_value) {
      found_.options.push_back({&option, {}});
      return;
    }
    const bool missing = at_ == words_.size() || is_letter_of_option(words_[at_]);
    if (missing) throw Mistake(concat("the required argument for option '", canonical(option), "' is missing"));
    found_.options.push_back({&option, words_[at_++]});
  }

  [[nodiscard]] bool is_letter_of_option(const std::string& word) const {
    return word.size() == 2 && word[0] == '-' && find_letter(word[1]) != nullptr;
  }

  void refuse_repetitions() const {
    std::set<const Option*> seen;
    for (const auto& given : found_.options)
      if (!seen.insert(given.option).second && !given.option->repeats)
        throw Mistake(concat("option '", canonical(*given.option), "' cannot be specified more than once"));
  }

  const std::vector<std::string>& words_;
  std::span<const Option> known_;
  std::size_t at_ = 0;
  Words found_;
};

}  // namespace

Words parse_words(const std::vector<std::string>& words, std::span<const Option> known) {
  return Parser(words, known).parse();
}

}  // namespace unionroot::schroot
