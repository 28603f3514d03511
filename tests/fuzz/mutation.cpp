#include "mutation.h"

#include <algorithm>
#include <utility>

namespace unionroot::fuzz {

namespace {

constexpr std::size_t longest = 64 << 10;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string Mutation::next(const std::vector<std::string>& inputs) {
  auto text = inputs[below(inputs.size())];
  for (auto count = 1 + (below(2) == 0 ? 0 : below(4)); count > 0; --count) change(text, inputs);
  if (text.size() > longest) text.resize(longest);
  return text;
}

void Mutation::change(std::string& text, const std::vector<std::string>& inputs) {
  const auto at = below(text.size() + 1);
  const auto length = std::min(text.size() - at, 1 + below(below(4) == 0 ? 64 : 4));
  switch (below(11)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      break;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(below(256));
      break;
    case 2: text.insert(at, 1, static_cast<char>(below(256))); break;
    case 3: text.erase(at, length); break;
    case 4: text.insert(at, text.substr(at, length)); break;
    case 5: {
      const auto& other = inputs[below(inputs.size())];
      const auto from = below(other.size() + 1);
      text.insert(at, other.substr(from, 1 + below(64)));
      break;
    }
    case 6:
    case 7: change_number(text); break;
    case 8: {
      const auto part = text.substr(at, length);
      const auto to = below(text.size() + 1);
      text.replace(to, std::min(part.size(), text.size() - to), part);
      break;
    }
    default:
      if (!words_.empty()) {
        const auto& word = words_[below(words_.size())];
        if (below(2) == 0)
          text.insert(at, word);
        else
          text.replace(at, std::min(word.size(), text.size() - at), word);
      }
      break;
  }
}

// A decimal number in the text becomes another one, near the limits of a type.
void Mutation::change_number(std::string& text) {
  static constexpr const char* numbers[] = {"0",          "1",          "255",        "65536",
                                            "2147483648", "4294967295", "4294967296", "9223372036854775807",
                                            "-1",         "007",        "1e300",      "18446744073709551616"};
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end > i) found.emplace_back(i, end - i);
    i = end + 1;
  }
  if (found.empty()) return;
  const auto [at, length] = found[below(found.size())];
  std::string number = numbers[below(std::size(numbers))];
  // Where fields have a width, what follows must stay in its place.
  if (number.size() < length && below(2) == 0) number.insert(0, length - number.size(), '0');
  text.replace(at, length, number);
}

}  // namespace unionroot::fuzz
