#include "definition/import.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/names.h"
#include "base/text.h"
#include "definition/built_in.h"
#include "definition/loader.h"
#include "definition/parse_definition.h"
#include "definition/trusted_file.h"

namespace unionroot::definition {

namespace {

using base::concat;

// Returns the definition as text, without what may differ: where it was read, and the name of its profile.
std::string meaning_of(Definition definition) {
  definition.file.clear();
  definition.line = 0;
  definition.profile_name.clear();
  definition.script_config.clear();
  for (auto& entry : definition.profile.fstab) entry.file.clear(), entry.line = 0;
  for (auto& copied : definition.profile.copyfiles) copied.file.clear(), copied.line = 0;
  std::erase_if(definition.user_data, [](const auto& pair) { return pair.first.starts_with("setup."); });
  return serialize(definition);
}

// Keys that tell where the profile is. The import replaces them.
bool of_profile(std::string_view key) {
  static constexpr std::string_view keys[] = {"profile",     "script-config",   "setup.config",
                                              "setup.fstab", "setup.copyfiles", "setup.nssdatabases"};
  return std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
}

// Translates a key and a value of schroot into unionroot's.
KeyfileEntry in_own_words(KeyfileEntry entry, const std::string& type) {
  if (entry.key == "location" && (type == "plain" || type == "directory")) entry.key = "directory";
  if (entry.key == "union-type" && entry.value != "none" && !entry.value.empty()) entry.value = "overlay";
  return entry;
}

class Importer {
 public:
  Importer(const Settings& settings, ImportProfiles profiles)
      : profiles_(profiles), schroot_(settings), own_(without_schroot(settings)) {}

  void read_file(const std::string& path, bool trusted) {
    std::optional<std::string> text;
    try {
      text = trusted ? read_trusted(path) : read_untrusted(path);
      if (!text && !trusted) report(Problem::Severity::error, path, "there is no such file");
    } catch (const base::Error& error) {
      report(Problem::Severity::error, path, error.what());
    }
    if (!text) return;
    const auto keyfile = parse_keyfile(*text, path);
    const auto lines = base::split(*text, '\n', true);
    for (std::size_t i = 0; i < keyfile.sections.size(); ++i) {
      const auto next = i + 1 < keyfile.sections.size() ? keyfile.sections[i + 1].line : lines.size() + 1;
      read_section(
          keyfile, keyfile.sections[i],
          {lines.begin() + keyfile.sections[i].line - 1, lines.begin() + static_cast<std::ptrdiff_t>(next) - 1});
    }
  }

  Imported finish() { return std::move(result_); }

 private:
  // The settings after schroot was removed.
  static Settings without_schroot(Settings settings) {
    settings.read_schroot = false;
    return settings;
  }

  void report(Problem::Severity severity, const std::string& file, std::string message) {
    result_.problems.push_back({severity, file, 0, {}, std::move(message)});
  }

  void read_section(const Keyfile& keyfile, const KeyfileSection& section, const std::vector<std::string>& lines) {
    Problems problems;
    for (const auto& problem : keyfile.problems)
      if (problem.line >= section.line && problem.line < section.line + lines.size()) problems.push_back(problem);
    const auto name = section.name.empty() ? std::string("?") : section.name;
    std::optional<Definition> made;
    if (!section.broken) made = parse_definition(section, keyfile.file, true, schroot_, problems);
    if (!section.broken && !names_.insert(name).second) {
      problems.push_back({Problem::Severity::error, keyfile.file, section.line, name,
                          concat("[", name, "] was already taken from another file")});
      made.reset();
    }
    auto text = made ? own_text(section, *made, problems) : std::nullopt;
    const bool carried = text.has_value();
    if (!carried) text = as_comments(lines, problems);
    result_.chroots.push_back(
        {name, concat("# From ", base::printable(keyfile.file), ":", section.line, "\n", *text), carried});
    for (auto& problem : problems)
      if (problem.severity == Problem::Severity::error) result_.problems.push_back(std::move(problem));
  }

  static std::string as_comments(const std::vector<std::string>& lines, const Problems& problems) {
    std::string text = "# Not carried:\n";
    for (const auto& problem : problems)
      if (problem.severity == Problem::Severity::error)
        text += concat("#   ", base::printable(problem.text(), 1000), "\n");
    for (const auto& line : lines)
      if (!base::trim(line).empty() && line.front() != '#') text += concat("#", base::printable(line, 1000), "\n");
    return text;
  }

  // Returns nullopt if the written text would give another definition; `problems` tells why.
  std::optional<std::string> own_text(const KeyfileSection& section, const Definition& made, Problems& problems) {
    const auto meaning = meaning_of(made);
    std::string text;
    KeyfileSection own{made.name, 1, {}, false};
    if (section.find("type") == nullptr) add(own, text, {"type", made.type, 0});
    for (const auto& entry : section.entries) {
      if (of_profile(entry.key) || entry.value.empty()) continue;
      const auto why = why_left_out(section, entry, meaning, problems);
      if (why.empty())
        add(own, text, in_own_words(entry, made.type));
      else
        text += concat("# Not carried: ", base::printable(why, 1000), "\n#", entry.key, "=", entry.value, "\n");
    }
    if (made.resolv_conf == "none" && section.find("resolv-conf") == nullptr)
      add(own, text, {"resolv-conf", made.resolv_conf, 0});
    add_profile(own, text, section, made);
    Problems wrong;
    const auto again = parse_definition(own, made.file, false, own_, wrong);
    if (again && meaning_of(*again) == meaning) return concat("[", made.name, "]\n", text);
    problems.insert(problems.end(), wrong.begin(), wrong.end());
    if (again)
      problems.push_back({Problem::Severity::error, made.file, made.line, made.name,
                          "the converted text would give a different definition"});
    return std::nullopt;
  }

  static void add(KeyfileSection& own, std::string& text, KeyfileEntry entry) {
    text += concat(entry.key, "=", entry.value, "\n");
    own.entries.push_back(std::move(entry));
  }

  // Returns why a key is left out: it caused a warning, and the definition is the same without it. Empty if the key is
  // kept.
  std::string why_left_out(const KeyfileSection& section, const KeyfileEntry& entry, const std::string& meaning,
                           const Problems& problems) {
    const auto said = std::find_if(problems.begin(), problems.end(), [&](const Problem& problem) {
      return problem.severity == Problem::Severity::warning && problem.line == entry.line;
    });
    if (said == problems.end()) return {};
    auto without = section;
    std::erase_if(without.entries, [&](const auto& other) { return other.key == entry.key; });
    Problems ignored;
    const auto made = parse_definition(without, {}, true, schroot_, ignored);
    return made && meaning_of(*made) == meaning ? said->message : std::string();
  }

  // Names the profile if its name gives the same profile without schroot. Otherwise names its files. The result is
  // checked with these files even if copies of them are written.
  void add_profile(KeyfileSection& own, std::string& text, const KeyfileSection& section, const Definition& made) {
    auto named = own;
    named.entries.push_back({"profile", made.profile_name, 0});
    Problems ignored;
    const bool plain = made.script_config.empty() && base::valid_name(made.profile_name);
    const auto again = plain ? parse_definition(named, {}, false, own_, ignored) : std::nullopt;
    if (again && meaning_of(*again) == meaning_of(made)) {
      own = std::move(named);
      if (section.find("profile") != nullptr) text += concat("profile=", made.profile_name, "\n");
      return;
    }
    std::map<ProfileFile, ProfileSource> sources;
    std::vector<std::string> faults;
    schroot_.load(profile_request(made, true), faults, &sources);
    std::string keys;
    for (const auto kind : profile_files) add(own, keys, {concat("setup.", file_name(kind)), sources[kind].path, 0});
    text += profiles_ == ImportProfiles::named ? keys : concat("profile=", copied_profile(made, sources), "\n");
  }

  std::string copied_profile(const Definition& made, const std::map<ProfileFile, ProfileSource>& sources) {
    std::map<ProfileFile, std::string> texts;
    for (const auto& [kind, source] : sources) texts[kind] = source.text;
    auto& known = result_.profiles;
    const auto found =
        std::find_if(known.begin(), known.end(), [&](const auto& profile) { return profile.texts == texts; });
    if (found != known.end()) return found->name;
    // A copy must not have the name of a built-in profile: it would replace that profile for all other chroots.
    const bool own_name = base::valid_name(made.profile_name) && !is_built_in_profile(made.profile_name);
    const auto start =
        own_name ? made.profile_name
                 : base::name_after_chroot(
                       concat("schroot-", base::valid_name(made.profile_name) ? made.profile_name : made.name), "");
    auto name = start;
    const auto is_taken = [&](const auto& profile) { return profile.name == name; };
    for (int number = 2; std::any_of(known.begin(), known.end(), is_taken); ++number)
      name = base::name_after_chroot(start, concat("-", number));
    known.push_back({name, std::move(texts)});
    return name;
  }

  const ImportProfiles profiles_;
  ProfileStore schroot_, own_;
  std::set<std::string> names_;
  Imported result_;
};

}  // namespace

Imported import_definitions(const std::vector<std::string>& files, const Settings& settings, ImportProfiles profiles) {
  Importer importer(settings, profiles);
  for (const auto& file : files) importer.read_file(file, false);
  Problems problems;
  if (files.empty())
    for (const auto& file : schroot_files(settings, problems)) importer.read_file(file, true);
  auto imported = importer.finish();
  imported.problems.insert(imported.problems.begin(), problems.begin(), problems.end());
  return imported;
}

}  // namespace unionroot::definition
