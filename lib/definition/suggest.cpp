#include "definition/suggest.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/text.h"

namespace unionroot::definition {

namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// The number of edits (insert, remove, replace, swap two neighbours) from one word to the other. Case is ignored.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> near_misses(std::string_view word, const std::vector<std::string>& known, std::size_t most) {
  // The time grows with the product of both lengths, and unprivileged users choose one.
  constexpr std::size_t longest = 64;
  std::vector<std::pair<std::size_t, std::string>> near;
  if (word.size() < 2 || word.size() > longest) return {};
  for (const auto& candidate : known) {
    if (candidate.size() > 2 * longest) continue;
    const bool beginning = candidate.size() > word.size() && candidate.compare(0, word.size(), word) == 0;
    const std::size_t edits = beginning ? 1 : distance(word, candidate);
    if (edits <= std::max<std::size_t>(1, word.size() / 3)) near.emplace_back(edits, candidate);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> result;
  for (const auto& [edits, candidate] : near)
    if (result.size() < most) result.push_back(candidate);
  return result;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const auto near = near_misses(word, known, 1);
  return near.empty() ? std::string() : base::concat("; did you mean '", near.front(), "'?");
}

}  // namespace unionroot::definition
