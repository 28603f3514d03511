#include "tree/sudoers.h"

#include <strings.h>

#include <algorithm>
#include <array>

#include "base/paths.h"
#include "base/text.h"

namespace unionroot::tree {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool same_name(const std::string& one, const std::string& other) {
  return ::strcasecmp(one.c_str(), other.c_str()) == 0;
}

std::string_view without_leading_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text;
}

bool starts_with_word(std::string_view line, std::string_view word) {
  return line.starts_with(word) && (line.size() == word.size() || blanks.find(line[word.size()]) != blanks.npos);
}

bool is_comment(std::string_view line) {
  line = without_leading_blanks(line);
  if (!line.starts_with('#')) return false;
  line.remove_prefix(1);
  if (starts_with_word(line, "include") || starts_with_word(line, "includedir")) return false;
  return line.empty() || (!is_digit(line[0]) && line[0] != '-');
}

// Splits sudoers into lines and joins continued ones. A line with a '#' is not joined to the next: the '#' may start a
// comment, and a comment ends with its line.
std::vector<std::string> sudoers_lines(std::string_view text) {
  std::vector<std::string> lines;
  std::string line;
  for (const auto& part : base::split(text, '\n', true)) {
    std::string_view rest = part;
    while (rest.ends_with('\r')) rest.remove_suffix(1);
    const bool goes_on = rest.ends_with('\\') && !is_comment(rest) && rest.find('#') == rest.npos;
    if (goes_on) rest.remove_suffix(1);
    line.append(rest);
    if (goes_on) {
      line.push_back(' ');
      continue;
    }
    lines.push_back(std::move(line));
    line.clear();
  }
  lines.push_back(std::move(line));
  return lines;
}

// Takes one item of a user list from the front of `rest`. It ends at a blank or comma outside quotes.
std::string take_item(std::string_view& rest) {
  std::string item;
  bool quoted = false;
  while (!rest.empty()) {
    const char c = rest[0];
    if (!quoted && (c == ',' || blanks.find(c) != blanks.npos)) break;
    rest.remove_prefix(1);
    if (c == '"')
      quoted = !quoted;
    else
      item.push_back(c);
    if (c == '\\' && !rest.empty()) {
      item.push_back(rest[0]);
      rest.remove_prefix(1);
    }
  }
  return item;
}

bool has_id(std::string_view text, const std::vector<gid_t>& ids) {
  const auto number = base::parse_unsigned(text);
  return !number || std::find(ids.begin(), ids.end(), *number) != ids.end();
}

bool item_names(std::string_view item, const Person& person) {
  if (item.empty()) return false;
  // The meaning of these is unknown here: an escaped character, a netgroup, a group that a plugin knows.
  if (item.find('\\') != item.npos || item[0] == '+' || item == "ALL") return true;
  if (item.starts_with("%#")) return has_id(item.substr(2), person.gids);
  if (item.starts_with("%:") || item == "%") return true;
  if (item[0] == '%') return person.in_group(std::string(item.substr(1)));
  if (item[0] == '#') return has_id(item.substr(1), {person.uid});
  return std::any_of(person.names.begin(), person.names.end(),
                     [&](const std::string& name) { return same_name(name, std::string(item)); });
}

// "alice, %admin ALL = ..." A '!' excludes somebody from the rule. It is ignored here, so a name after '!' counts as a
// match.
bool user_list_names(std::string_view line, const Person& person) {
  while (true) {
    line = without_leading_blanks(line);
    while (line.starts_with('!')) line = without_leading_blanks(line.substr(1));
    if (item_names(take_item(line), person)) return true;
    line = without_leading_blanks(line);
    if (!line.starts_with(',')) return false;
    line.remove_prefix(1);
  }
}

// "ADMINS = alice, bob : OTHERS = carol". It does not matter whether the alias is used.
bool alias_names(std::string_view line, const Person& person) {
  std::string words(line);
  if (const auto comment = words.find(" #"); comment != words.npos && is_comment(words.substr(comment)))
    words.resize(comment);
  if (words.find("%:") != words.npos) return true;
  std::replace_if(
      words.begin(), words.end(), [](char c) { return std::string_view("=!,:").find(c) != std::string_view::npos; },
      ' ');
  for (std::string_view rest = without_leading_blanks(words); !rest.empty(); rest = without_leading_blanks(rest))
    if (item_names(take_item(rest), person)) return true;
  return false;
}

bool take_include(std::string_view line, SudoRules& rules) {
  if (!line.starts_with('@') && !line.starts_with('#')) return false;
  line.remove_prefix(1);
  const bool folder = starts_with_word(line, "includedir");
  if (!folder && !starts_with_word(line, "include")) return false;
  line.remove_prefix(std::string_view(folder ? "includedir" : "include").size());
  line = without_leading_blanks(line);
  auto path = take_item(line);
  // %h (the host's name) and escapes are not resolved, so the answer is yes.
  if (path.empty() || path.find_first_of("%\\") != path.npos) rules.name_them = true;
  rules.includes.push_back({std::move(path), folder});
  return true;
}

void read_line(std::string_view line, const Person& person, SudoRules& rules) {
  line = without_leading_blanks(line);
  if (line.empty() || is_comment(line) || take_include(line, rules)) return;
  for (const char* word : {"Host_Alias", "Runas_Alias", "Cmnd_Alias", "Cmd_Alias"})
    if (starts_with_word(line, word)) return;
  if (line.starts_with("Defaults")) {
    const char next = line.size() > 8 ? line[8] : ' ';
    if (blanks.find(next) != blanks.npos || std::string_view("@:!>").find(next) != std::string_view::npos) return;
  }
  if (starts_with_word(line, "User_Alias"))
    rules.name_them = rules.name_them || alias_names(line.substr(10), person);
  else
    rules.name_them = rules.name_them || user_list_names(line, person);
}

// A comment ends the line.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (std::string_view rest = without_leading_blanks(line); !rest.empty() && rest[0] != '#';
       rest = without_leading_blanks(rest)) {
    if (rest[0] == ',') {
      rest.remove_prefix(1);
      continue;
    }
    // Empty quotes give an empty item. It is not a word.
    if (auto word = take_item(rest); !word.empty()) words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

SudoRules read_sudoers(std::string_view text, const Person& person) {
  SudoRules rules;
  for (const auto& line : sudoers_lines(text)) read_line(line, person, rules);
  return rules;
}

bool sudo_has_other_rules(std::string_view sudo_conf) {
  for (const auto& line : base::split(sudo_conf, '\n')) {
    const auto words = words_of(line);
    if (words.empty() || !same_name(words[0], "Plugin")) continue;
    if (words.size() != 3 || base::file_name(words[2]) != "sudoers.so") return true;
  }
  return false;
}

bool doas_names(std::string_view doas_conf, const Person& person) {
  for (const auto& line : base::split(doas_conf, '\n')) {
    for (const auto& word : words_of(line)) {
      if (word.find('\\') != word.npos) return true;
      if (word[0] == ':') {
        const auto group = word.substr(1);
        if (person.in_group(group) || (base::parse_unsigned(group) && has_id(group, person.gids))) return true;
      } else if ((base::parse_unsigned(word) && has_id(word, {person.uid})) ||
                 std::find(person.names.begin(), person.names.end(), word) != person.names.end()) {
        return true;
      }
    }
  }
  return false;
}

bool su_needs_no_password(std::string_view pam_file) {
  // These modules ask for a password, admit only root, or deny everybody.
  static constexpr std::array askers{"pam_rootok.so", "pam_unix.so", "pam_sss.so",    "pam_ldap.so",
                                     "pam_krb5.so",   "pam_deny.so", "pam_winbind.so"};
  for (const auto& line : base::split(pam_file, '\n')) {
    auto words = words_of(line);
    if (words.empty() || (words[0] != "auth" && words[0] != "-auth")) continue;
    if (words.back().ends_with('\\')) return true;  // the line continues
    std::size_t at = 1;
    bool alone_enough = words.size() > 1 && words[1] == "sufficient";
    if (words.size() > 1 && words[1].starts_with('[')) {
      alone_enough = true;
      while (at < words.size() && !words[at].ends_with(']')) ++at;
    }
    if (++at >= words.size()) continue;
    const auto module = base::file_name(words[at]);
    const bool trusts = std::find(words.begin(), words.end(), "trust") != words.end();
    const bool asks = std::find(askers.begin(), askers.end(), module) != askers.end();
    if (module == "pam_permit.so" || (module == "pam_wheel.so" && trusts) || (alone_enough && !asks)) return true;
  }
  return false;
}

}  // namespace unionroot::tree
