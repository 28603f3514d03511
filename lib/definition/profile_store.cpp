#include "definition/profile_store.h"

#include "base/error.h"
#include "base/text.h"
#include "definition/assignments.h"
#include "definition/built_in.h"
#include "definition/trusted_file.h"
#include "definition/values.h"

namespace unionroot::definition {

using base::concat;
using base::printable;

namespace {

// FSTAB, COPYFILES, NSSDATABASES.
std::string upper_name(ProfileFile kind) {
  std::string name(file_name(kind));
  for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
  return name;
}

// schroot has two names for each file, such as FSTAB and SETUP_FSTAB. The old name (FSTAB) takes precedence, wherever
// it stands. An empty old name is ignored. But in a script-config it is preset to the file beside it, so an empty value
// removes that file.
void take_assignments(const std::vector<Assignment>& assignments, const std::string& file, bool script_config,
                      std::map<ProfileFile, std::string>& sources, Problems& problems) {
  std::map<ProfileFile, std::string> old;
  for (const auto& [name, value, line] : assignments) {
    // The user data setup.services and setup.config have their own warning.
    bool known = name == "SETUP_SERVICES" || name == "SETUP_CONFIG";
    for (const auto kind : profile_files) {
      const bool is_old = name == upper_name(kind);
      if (!is_old && name != "SETUP_" + upper_name(kind)) continue;
      known = true;
      (is_old ? old : sources)[kind] = value;
    }
    if (!known)
      problems.push_back({Problem::Severity::notice,
                          file,
                          line,
                          {},
                          concat("'", name,
                                 "' is used only inside this file; the profile is set by SETUP_FSTAB, "
                                 "SETUP_COPYFILES and SETUP_NSSDATABASES")});
  }
  for (auto& [kind, value] : old)
    if (!value.empty())
      sources[kind] = std::move(value);
    else if (script_config)
      sources.try_emplace(kind);
}

void append(Profile& to, const Profile& from) {
  to.fstab.insert(to.fstab.end(), from.fstab.begin(), from.fstab.end());
  to.copyfiles.insert(to.copyfiles.end(), from.copyfiles.begin(), from.copyfiles.end());
  to.nssdatabases.insert(to.nssdatabases.end(), from.nssdatabases.begin(), from.nssdatabases.end());
}

}  // namespace

ProfileStore::ProfileStore(const Settings& settings) : settings_(settings) {}

std::vector<std::string> ProfileStore::bases(bool from_schroot) const {
  std::vector<std::string> result;
  if (from_schroot) result.push_back(settings_.schroot_directory);
  result.push_back(settings_.config_directory + "/profiles");
  result.emplace_back(UNIONROOT_DATADIR "/profiles");
  // The definition may have been moved and its profile left in schroot's folder.
  if (!from_schroot && settings_.read_schroot) result.push_back(settings_.schroot_directory);
  return result;
}

std::vector<std::string> ProfileStore::places(const std::string& path, bool from_schroot) const {
  if (path.starts_with('/')) return {path};
  auto result = bases(from_schroot);
  for (auto& base : result) base.append("/").append(path);
  return result;
}

std::optional<std::string> ProfileStore::find_folder(const ProfileRequest& request, std::vector<std::string>& faults) {
  for (const auto& folder : places(request.name, request.from_schroot)) {
    consulted_.insert(folder);
    if (!folder_exists(folder)) continue;
    try {
      if (list_trusted(folder, &consulted_)) return folder;
    } catch (const base::Error& error) {
      // Do not continue with another profile of that name: it might mount more than was wanted.
      if (refused_folders_.insert(folder).second)
        problems_.push_back({Problem::Severity::error, folder, 0, {}, error.what()});
      faults.emplace_back(error.what());
      return std::nullopt;
    }
  }
  if (is_built_in_profile(request.name)) return std::string();
  faults.push_back(concat("there is no profile '", printable(request.name), "'; expected a folder of that name in ",
                          base::join(bases(request.from_schroot), ", "), ", or one of the built-in profiles"));
  return std::nullopt;
}

Profile ProfileStore::load(const ProfileRequest& request, std::vector<std::string>& faults,
                           std::map<ProfileFile, ProfileSource>* read_from) {
  Profile result;
  const auto take = [&](ProfileFile kind, const Piece& piece) {
    append(result, piece.profile);
    if (read_from != nullptr) (*read_from)[kind] = piece.source;
    faults.insert(faults.end(), piece.faults.begin(), piece.faults.end());
  };
  auto folder = request.name.empty() ? std::nullopt : find_folder(request, faults);
  auto sources = request.overrides;
  const auto config = read_config(request, folder, sources, faults);
  if (request.name.empty() && !config.empty()) folder = folder_of(config);
  for (const auto kind : profile_files) {
    const auto name = file_name(kind);
    const auto given = sources.find(kind);
    if (given != sources.end() && given->second != concat(request.name, "/", name)) {
      if (!given->second.empty()) take(kind, override_piece(kind, given->second, request.from_schroot));
    } else if (folder) {
      take(kind, folder->empty() ? built_in_piece(kind, request.name) : piece(kind, concat(*folder, "/", name)));
    }
  }
  return result;
}

std::string ProfileStore::read_config(const ProfileRequest& request, const std::optional<std::string>& folder,
                                      std::map<ProfileFile, std::string>& sources, std::vector<std::string>& faults) {
  std::vector<std::string> candidates;
  if (!request.script_config.empty())
    candidates = places(request.script_config, request.from_schroot);
  else if (request.config)
    candidates = request.config->empty() ? candidates : places(*request.config, request.from_schroot);
  else if (folder && !folder->empty())
    candidates = {concat(*folder, "/config")};
  for (const auto& path : candidates) {
    if (folder_exists(path)) continue;  // like schroot's `[ -f`
    const auto& script = text(path);
    if (!script.fault.empty()) faults.push_back(script.fault);
    if (!script.content) continue;
    Problems problems;
    const auto assignments = parse_assignments(*script.content, path, variables_for(request, path), problems);
    take_assignments(assignments, path, !request.script_config.empty(), sources, problems);
    for (auto& problem : problems) {
      if (problem.severity == Problem::Severity::error) faults.push_back(problem.text());
      if (said_.insert(problem.text()).second) problems_.push_back(std::move(problem));
    }
    return path;
  }
  // A missing file is an error only if script-config names no folder: otherwise that folder is the profile.
  if (!request.script_config.empty() && request.name.empty() && faults.empty())
    faults.push_back(concat("there is no file '", printable(request.script_config), "', which script-config names; ",
                            "it was looked for in ", base::join(bases(request.from_schroot), ", ")));
  return {};
}

// Adds to the definition's variables: the configuration folder and, for a script-config, its own path and the default
// paths of the other files.
std::map<std::string, std::string> ProfileStore::variables_for(const ProfileRequest& request,
                                                               const std::string& path) const {
  auto variables = request.variables;
  const auto base = request.from_schroot ? settings_.schroot_directory : settings_.config_directory + "/profiles";
  variables["SYSCONF_DIR"] = base;
  if (request.script_config.empty()) return variables;
  variables["CHROOT_SCRIPT_CONFIG"] = path;
  for (const auto kind : profile_files) variables[upper_name(kind)] = concat(folder_of(path), "/", file_name(kind));
  return variables;
}

const ProfileStore::Text& ProfileStore::text(const std::string& path) {
  const auto [entry, is_new] = texts_.try_emplace(path);
  Text& result = entry->second;
  if (!is_new) return result;
  consulted_.insert(folder_of(path));
  try {
    result.content = read_trusted(path, &consulted_);
  } catch (const base::Error& error) {
    problems_.push_back({Problem::Severity::error, path, 0, {}, error.with_hint()});
    result.fault = problems_.back().text();
  }
  return result;
}

void ProfileStore::parse(ProfileFile kind, std::string_view text, const std::string& file, Piece& piece) {
  Problems problems;
  parse_profile_file(kind, text, file, piece.profile, problems);
  piece.found = true;
  for (auto& problem : problems) {
    if (problem.severity == Problem::Severity::error) piece.faults.push_back(problem.text());
    problems_.push_back(std::move(problem));
  }
}

const ProfileStore::Piece& ProfileStore::piece(ProfileFile kind, const std::string& path) {
  const auto [entry, is_new] = pieces_.try_emplace({kind, path});
  Piece& result = entry->second;
  if (!is_new) return result;
  const auto& source = text(path);
  if (!source.fault.empty()) result.faults.push_back(source.fault);
  if (!source.content) return result;
  result.source = {path, *source.content};
  parse(kind, *source.content, path, result);
  return result;
}

const ProfileStore::Piece& ProfileStore::built_in_piece(ProfileFile kind, const std::string& profile) {
  const std::string name = concat("built-in profile ", profile, "/", file_name(kind));
  const auto [entry, is_new] = pieces_.try_emplace({kind, name});
  if (is_new)
    if (const auto text = built_in_profile_file(profile, kind)) {
      entry->second.source = {concat(profile, "/", file_name(kind)), std::string(*text)};
      parse(kind, *text, name, entry->second);
    }
  return entry->second;
}

const ProfileStore::Piece& ProfileStore::override_piece(ProfileFile kind, const std::string& value, bool from_schroot) {
  for (const auto& place : places(value, from_schroot)) {
    const Piece& result = piece(kind, place);
    if (result.found || !result.faults.empty()) return result;
  }
  const auto parts = base::split(value, '/');
  if (!value.starts_with('/') && parts.size() == 2 && parts[1] == file_name(kind) && is_built_in_profile(parts[0]))
    return built_in_piece(kind, parts[0]);
  // This is a fault of the definition, not of a file. So it is not in problems().
  Piece& missing = pieces_[{kind, concat("missing ", value)}];
  if (missing.faults.empty())
    missing.faults.push_back(
        concat("there is no file '", printable(value), "', which is to be the ", file_name(kind), " of its profile",
               value.front() == '/' ? std::string()
                                    : concat("; it was looked for in ", base::join(bases(from_schroot), ", "))));
  return missing;
}

}  // namespace unionroot::definition
