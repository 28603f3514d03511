// What lies on a machine's disks, and is read at boot: the fstab of the root, and the record of whose changes there
// are.
#include <algorithm>
#include <vector>

#include "base/text.h"
#include "boot/base.h"
#include "boot/fstab.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using boot::Layout;

std::string shown(std::string_view text, Layout layout) {
  auto out = boot::shown_fstab(text, layout, "/ro");
  if (!planted) return out;
  // A swap entry that options follow stays.
  for (const auto& line : base::split(text, '\n'))
    if (line.find(" swap sw,pri=") != std::string::npos) out += line + "\n";
  return out;
}

// Without the reader's own code.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string::npos;) {
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  if (!words.empty() && words[0][0] == '#') words.clear();
  return words;
}

bool goes(const std::vector<std::string>& words, Layout layout) {
  if (words.size() < 3 || words[2] != "swap") return false;
  return layout == Layout::boundary || (words[0][0] == '/' && words[0].rfind("/dev/", 0) != 0);
}

void check_fstab(std::string_view text, Layout layout) {
  constexpr std::size_t lines_of_comment = 5;
  const auto lines = base::split(text, '\n', true);
  auto found = base::split(shown(text, layout), '\n', true);
  require(found.size() > lines_of_comment, "there is a comment");
  for (std::size_t i = 0; i < lines_of_comment; ++i) require(found[i].starts_with('#'), "a comment", found[i]);
  found.erase(found.begin(), found.begin() + lines_of_comment);
  std::size_t at = 0;
  for (const auto& line : lines) {
    const auto words = words_of(line);
    if (goes(words, layout)) continue;
    if (at == found.size()) return require(line.empty(), "a line is left out", line);
    const auto& got = found[at++];
    if (words.size() >= 2 && words[1] == "/") {
      const auto instead = words_of(got);
      require(instead.size() == 6 && instead[0] == words[0] && instead[1] == "/ro" &&
                  instead[3].starts_with("ro,noauto") && instead[5] == "0",
              "the root's entry is one for the read-only root", got);
    } else {
      require(got == line, "a line is as it was", got);
    }
  }
  for (; at < found.size(); ++at) require(found[at].empty(), "nothing is added", found[at]);
}

}  // namespace

void run(std::string_view input) {
  if (input.find('\0') == std::string_view::npos)
    for (const auto layout : {Layout::br2, Layout::boundary}) check_fstab(input, layout);
  for (const auto& file : boot::swap_files(input)) {
    const auto unit = boot::unit_of_path(file, ".swap");
    require(unit.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-") ==
                    std::string::npos &&
                !unit.starts_with('.'),
            "a unit's name", unit);
  }
  const auto record = boot::parse_base(input);
  if (!record) return;
  require_showable(record->described(), "whose changes they are");
  require(boot::parse_base(record->text()) == *record, "a record is read as it was written", record->text());
}

}  // namespace unionroot::fuzz
