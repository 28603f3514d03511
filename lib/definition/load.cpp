#include <algorithm>
#include <boost/filesystem.hpp>
#include <map>

#include "base/error.h"
#include "base/names.h"
#include "base/text.h"
#include "definition/built_in.h"
#include "definition/keyfile.h"
#include "definition/loader.h"
#include "definition/parse_definition.h"
#include "definition/schroot_keys.h"
#include "definition/settings_section.h"
#include "definition/trusted_file.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;

constexpr std::size_t longest_file_name = 255;  // NAME_MAX

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Files that dpkg and editors leave. They are ignored without a notice.
bool left_over(std::string_view name) {
  static constexpr std::string_view ends[] = {"dpkg-old", "dpkg-dist", "dpkg-new", "dpkg-tmp", "~"};
  return name.front() == '.' || name.front() == '#' ||
         std::any_of(std::begin(ends), std::end(ends), [&](std::string_view end) { return ends_with(name, end); });
}

class Loader {
 public:
  // checking: the files are only checked. They may lie anywhere, and any of them may hold the settings.
  Loader(const Settings& settings, bool checking) : settings_(settings), checking_(checking), profiles_(settings) {}

  void read_folder(const std::string& folder, bool schroot) {
    for (const auto& path : files_in(folder, schroot)) read_file(path, schroot, false);
  }

  // Returns the paths of the files to read. Adds a notice for each file that is not read.
  std::vector<std::string> files_in(const std::string& folder, bool schroot) {
    consulted_.insert(folder);
    std::vector<std::string> files;
    try {
      const auto names = list_trusted(folder, &consulted_);
      if (!names) return files;
      for (const auto& name : *names) {
        if (left_over(name)) continue;
        const bool valid = base::valid_name(name, longest_file_name);
        const std::string path = concat(folder, "/", valid ? name : base::printable(name));  // printable() shortens it
        if (!base::valid_utf8(name))
          add(Problem::Severity::notice, folder, "a file whose name is not valid UTF-8 is not read");
        else if (!valid)
          add(Problem::Severity::notice, path,
              "is not read: the name does not begin with a letter or digit, or has other "
              "characters than letters, digits, '_', '.' and '-'");
        else if (!schroot && !ends_with(name, ".conf"))
          add(Problem::Severity::notice, path, "is not read: the name does not end in .conf");
        else
          files.push_back(path);
      }
    } catch (const base::Error& error) {
      add_error(folder, error);
    }
    return files;
  }

  // required: a missing file is an error.
  void read_file(const std::string& path, bool schroot, bool required) {
    consulted_.insert(folder_of(path));
    try {
      const auto text = read_trusted(path, &consulted_);
      if (text)
        read_text(*text, path, schroot);
      else if (required)
        add(Problem::Severity::error, path, "there is no such file");
    } catch (const base::Error& error) {
      add_error(path, error);
      if (schroot) add_file_warning(path, warnings_);
    }
  }

  // For a check: reports a file that the daemon would not read, and still checks its content.
  void check_file(const std::string& path) {
    const auto whole = boost::filesystem::path(absolute_path(path)).lexically_normal().string();
    const bool schroot = lies_under(whole, settings_.schroot_directory);
    try {
      if (read_trusted(path)) return read_file(path, schroot, true);
      add(Problem::Severity::error, path, "there is no such file");
    } catch (const base::Error& error) {
      add_error(path, error);
      check_untrusted(path, schroot);
    }
  }

  Loaded finish(bool with_host) {
    if (with_host && settings_.built_in_host && taken_.count("host") == 0) add_host();
    Loaded result;
    for (auto& definition : definitions_)
      result.snapshot.chroots.push_back(std::make_shared<const Definition>(std::move(definition)));
    take_aliases(result.snapshot);
    std::sort(result.snapshot.chroots.begin(), result.snapshot.chroots.end(),
              [](const auto& a, const auto& b) { return a->name < b->name; });
    result.snapshot.problems = std::move(problems_);
    result.snapshot.schroot_warnings = std::move(warnings_);
    const auto& of_profiles = profiles_.problems();
    result.snapshot.problems.insert(result.snapshot.problems.end(), of_profiles.begin(), of_profiles.end());
    result.consulted = std::move(consulted_);
    result.consulted.insert(profiles_.consulted().begin(), profiles_.consulted().end());
    return result;
  }

 private:
  struct Taken {
    std::string where;  // FILE:LINE
    bool schroot = false;
  };

  void add(Problem::Severity severity, const std::string& file, std::string message) {
    problems_.push_back({severity, file, 0, {}, std::move(message)});
  }

  void add_error(const std::string& file, const base::Error& error) {
    add(Problem::Severity::error, file, error.with_hint());
  }

  void read_text(const std::string& text, const std::string& path, bool schroot) {
    Keyfile keyfile = parse_keyfile(text, path);
    problems_.insert(problems_.end(), keyfile.problems.begin(), keyfile.problems.end());
    std::map<std::string, unsigned> in_this_file;
    for (const auto& section : keyfile.sections) {
      if (section.name.empty()) continue;                                      // the error in its header was reported
      if (!in_this_file.emplace(section.name, section.line).second) continue;  // the repetition was reported
      if (section.name == settings_section && !schroot)
        read_settings_section(section, path);
      else
        read_definition(section, path, schroot);
    }
  }

  void read_settings_section(const KeyfileSection& section, const std::string& path) {
    if (path != settings_.config_file && !checking_) {
      problems_.push_back({Problem::Severity::error, path, section.line, section.name,
                           concat("[", settings_section, "] holds the settings and is read only from ",
                                  settings_.config_file, "; expected the name of a chroot")});
      return;
    }
    Settings ignored = settings_;
    if (!section.broken) parse_settings(section, path, ignored, problems_);
  }

  void read_definition(const KeyfileSection& section, const std::string& path, bool schroot) {
    const auto [first, is_new] = taken_.try_emplace(section.name, Taken{concat(path, ":", section.line), schroot});
    if (!is_new) {
      // Administrators who move from schroot copy definitions. So a second definition in schroot's files is only a
      // notice.
      const bool moved = schroot && !first->second.schroot;
      problems_.push_back(
          {moved ? Problem::Severity::notice : Problem::Severity::error, path, section.line, section.name,
           concat("[", section.name, "] is already defined at ", first->second.where,
                  "; that definition is used and this one ignored", moved ? "" : "; remove or rename one")});
      return;
    }
    if (section.broken) return;
    auto definition = parse_definition(section, path, schroot, profiles_, problems_);
    if (!definition) return;
    if (schroot) add_schroot_warnings(section, *definition, warnings_);
    add_definition(std::move(*definition));
  }

  // Build trees have no home directories, and nothing at the callers' paths.
  void add_definition(Definition definition) {
    const bool for_builds = definition.profile_name == "sbuild" || definition.profile_name == "buildd";
    auto& directory = definition.working_directory;
    if (directory.empty()) directory = settings_.working_directory;
    if (directory.empty()) directory = for_builds ? "/" : "caller";
    definitions_.push_back(std::move(definition));
  }

  void add_host() {
    Definition host = built_in_host();
    std::vector<std::string> faults;
    host.profile = profiles_.load({host.profile_name, false, {}}, faults);
    for (const auto& fault : faults)
      problems_.push_back(
          {Problem::Severity::error, host.file, 0, host.name, concat("its profile cannot be used: ", fault)});
    taken_.emplace(host.name, Taken{"built-in", false});
    if (faults.empty()) add_definition(std::move(host));
  }

  // A name takes precedence over an alias, even the name of a broken definition. Otherwise a user could get another
  // tree than requested. Of two equal aliases the first is used. As in schroot, the definition with the other alias
  // stays.
  void take_aliases(Snapshot& snapshot) {
    for (const auto& chroot : snapshot.chroots)
      for (const auto& alias : chroot->aliases) {
        if (alias == chroot->name) continue;
        const auto clash = find_clash(alias, snapshot.aliases);
        if (clash.empty()) {
          snapshot.aliases.emplace(alias, chroot);
          continue;
        }
        problems_.push_back({Problem::Severity::warning, chroot->file, line_of_aliases(*chroot), chroot->name, clash});
        if (is_of_schroot(*chroot, settings_)) add_alias_warning(*chroot, alias, warnings_);
      }
  }

  static unsigned line_of_aliases(const Definition& definition) {
    const auto found = definition.key_lines.find("aliases");
    return found == definition.key_lines.end() ? definition.line : found->second;
  }

  [[nodiscard]] std::string find_clash(const std::string& alias,
                                       const std::map<std::string, DefinitionPtr, std::less<>>& aliases) const {
    constexpr const char* ignored = "; this alias is ignored";
    if (const auto name = taken_.find(alias); name != taken_.end())
      return concat("the alias '", alias, "' is the name of the chroot at ", name->second.where, ignored);
    if (const auto other = aliases.find(alias); other != aliases.end())
      return concat("the alias '", alias, "' is already one of the chroot at ", other->second->file, ":",
                    other->second->line, ignored);
    return {};
  }

  void check_untrusted(const std::string& path, bool schroot) {
    try {
      if (const auto text = read_untrusted(path)) read_text(*text, path, schroot);
      definitions_.erase(std::remove_if(definitions_.begin(), definitions_.end(),
                                        [&](const auto& definition) { return definition.file == path; }),
                         definitions_.end());
    } catch (const base::Error&) {
      return;  // the reason was already reported
    }
  }

  const Settings& settings_;
  const bool checking_;
  ProfileStore profiles_;
  std::vector<Definition> definitions_;
  std::map<std::string, Taken> taken_;  // every section name that was seen, including those of broken sections
  Problems problems_;
  SchrootWarnings warnings_;
  std::set<std::string> consulted_;
};

}  // namespace

Loaded load_all(const Settings& settings) {
  Loader loader(settings, false);
  loader.read_file(settings.config_file, false, false);
  loader.read_folder(settings.config_directory + "/chroot.d", false);
  if (settings.read_schroot) {
    loader.read_file(settings.schroot_directory + "/schroot.conf", true, false);
    loader.read_folder(settings.schroot_directory + "/chroot.d", true);
  }
  return loader.finish(true);
}

std::vector<std::string> schroot_files(const Settings& settings, Problems& problems) {
  Loader loader(settings, false);
  std::vector<std::string> files{settings.schroot_directory + "/schroot.conf"};
  const auto others = loader.files_in(settings.schroot_directory + "/chroot.d", true);
  files.insert(files.end(), others.begin(), others.end());
  problems = loader.finish(false).snapshot.problems;
  return files;
}

Snapshot load(const Settings& settings) { return load_all(settings).snapshot; }

Snapshot load_files(const std::vector<std::string>& files, const Settings& given) {
  // It is unknown where the files will be installed. Their profiles may be schroot's.
  auto settings = given;
  settings.read_schroot = true;
  Loader loader(settings, true);
  for (const auto& file : files) loader.check_file(file);
  return loader.finish(false).snapshot;
}

DefinitionPtr Snapshot::find(const std::string& name) const {
  for (const auto& chroot : chroots)
    if (chroot->name == name) return chroot;
  const auto alias = aliases.find(name);
  return alias == aliases.end() ? nullptr : alias->second;
}

const Problem* Snapshot::broken(const std::string& name) const {
  for (const auto& problem : problems)
    if (problem.severity == Problem::Severity::error && problem.section == name) return &problem;
  return nullptr;
}

std::vector<const Problem*> Snapshot::broken() const {
  std::vector<const Problem*> found;
  std::set<std::string> names;
  for (const auto& problem : problems) {
    if (problem.severity != Problem::Severity::error) continue;
    const bool whole_file = problem.section.empty();
    if (whole_file ? problem.line == 0 : !find(problem.section) && names.insert(problem.section).second)
      found.push_back(&problem);
  }
  return found;
}

}  // namespace unionroot::definition
