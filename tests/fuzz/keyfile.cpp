// The keyfile grammar, and the definitions that are made of its sections.
#include "definition/keyfile.h"

#include <set>

#include "base/names.h"
#include "base/text.h"
#include "definition/parse_definition.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using namespace definition;

Keyfile parse(std::string_view text) {
  auto keyfile = parse_keyfile(text, "f");
  if (!planted) return keyfile;
  // A value ends at a '#' that follows a blank, as in other formats.
  for (auto& section : keyfile.sections)
    for (auto& entry : section.entries) entry.value = entry.value.substr(0, entry.value.find(" #"));
  return keyfile;
}

// KEY, '=', VALUE, and blanks around them: nothing else is in the line. Of a description any byte is shown.
bool is_line_of(const KeyfileEntry& entry, std::string_view line) {
  const auto equals = line.find('=');
  return equals != line.npos && base::trim(line.substr(0, equals)) == entry.key &&
         base::as_utf8(std::string(base::trim(line.substr(equals + 1)))) == entry.value;
}

void check_sections(const Keyfile& keyfile, const std::vector<std::string>& lines) {
  std::set<std::string> names;
  for (const auto& section : keyfile.sections) {
    if (section.broken) continue;
    require(base::valid_name(section.name, base::longest_chroot_name), "a section has a valid name", section.name);
    require(names.insert(section.name).second, "two sections have different names", section.name);
    std::set<std::string> keys;
    for (const auto& entry : section.entries) {
      auto shown = entry.key + entry.value;
      std::erase(shown, '\t');
      require_text(shown, "an entry is text and tabs");
      require(keys.insert(entry.key).second, "two keys of a section are different", entry.key);
      require(entry.line >= 1 && entry.line <= lines.size(), "an entry has its line");
      auto line = std::string_view(lines[entry.line - 1]);
      if (entry.line == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
      require(is_line_of(entry, line), "an entry is what its line says", line);
    }
  }
}

// Written out, the sections are read as the same.
void check_written(const Keyfile& keyfile) {
  std::string text;
  std::vector<KeyfileSection> sections;
  for (const auto& section : keyfile.sections) {
    if (section.broken) continue;
    sections.push_back(section);
    text += "[" + section.name + "]\n";
    for (const auto& entry : section.entries) {
      const bool other_line = entry.key[0] == '#' || entry.key[0] == '[';
      text += (other_line ? " " : "") + entry.key + "=" + entry.value + "\n";
    }
  }
  const auto again = parse(text);
  for (const auto& problem : again.problems)
    require(problem.severity != Problem::Severity::error, "what was read and written has no errors", text);
  require(again.sections.size() == sections.size(), "as many sections are written as were read");
  for (std::size_t i = 0; i < sections.size(); ++i) {
    require(again.sections[i].entries.size() == sections[i].entries.size(), "a section keeps its entries");
    for (std::size_t j = 0; j < sections[i].entries.size(); ++j)
      require(again.sections[i].entries[j].key == sections[i].entries[j].key &&
                  again.sections[i].entries[j].value == sections[i].entries[j].value,
              "an entry is read as it was written", sections[i].entries[j].key);
  }
}

void check_definition(const Definition& made) {
  require(base::valid_name(made.name, base::longest_chroot_name), "a chroot has a valid name", made.name);
  for (const auto& alias : made.aliases)
    require(base::valid_name(alias, base::longest_chroot_name), "an alias is a valid name", alias);
  for (const auto& folder : made.hook_directories) require(folder.starts_with('/'), "a path is absolute", folder);
  const auto text = serialize(made);
  require(serialize(deserialize(text)) == text, "a definition that is kept comes back", text);
  require(!source_variant(made).has_union(), "a source has no union");
}

}  // namespace

void run(std::string_view input) {
  auto keyfile = parse(input);
  check_sections(keyfile, base::split(input, '\n', true));
  Settings settings;
  settings.config_directory = settings.schroot_directory = "/nonexistent/unionroot-fuzz";
  ProfileStore profiles(settings);
  for (const auto& section : keyfile.sections) {
    if (section.broken) continue;
    for (const bool from_schroot : {false, true})
      if (const auto made = parse_definition(section, "f", from_schroot, profiles, keyfile.problems))
        check_definition(*made);
  }
  for (const auto& problem : keyfile.problems) require_showable(problem.text(), "a problem can be shown");
  check_written(keyfile);
}

}  // namespace unionroot::fuzz
