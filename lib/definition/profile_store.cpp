#include "definition/profile_store.h"

#include "base/error.h"
#include "base/text.h"
#include "definition/built_in.h"
#include "definition/trusted_file.h"
#include "definition/values.h"

namespace unionroot::definition {

using base::concat;
using base::printable;

namespace {

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
  return result;
}

std::optional<std::string> ProfileStore::find_folder(const ProfileRequest& request, std::vector<std::string>& faults) {
  for (const auto& base : bases(request.from_schroot)) {
    const std::string folder = concat(base, "/", request.name);
    consulted_.insert(folder);
    if (!folder_exists(folder)) continue;
    try {
      if (list_trusted(folder)) return folder;
    } catch (const base::Error& error) {
      // Not to be passed over in favour of another profile of that name: that might mount more than was wanted.
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

Profile ProfileStore::load(const ProfileRequest& request, std::vector<std::string>& faults) {
  Profile result;
  const auto take = [&](const Piece& piece) {
    append(result, piece.profile);
    faults.insert(faults.end(), piece.faults.begin(), piece.faults.end());
  };
  const auto folder = find_folder(request, faults);
  for (const auto kind : profile_files) {
    const auto name = file_name(kind);
    const auto given = request.overrides.find(kind);
    if (given != request.overrides.end() && given->second != concat(request.name, "/", name)) {
      if (!given->second.empty()) take(override_piece(kind, given->second, request.from_schroot));
    } else if (folder) {
      take(folder->empty() ? built_in_piece(kind, request.name) : piece(kind, concat(*folder, "/", name)));
    }
  }
  return result;
}

void ProfileStore::fault(Piece& piece, const std::string& file, std::string message) {
  problems_.push_back({Problem::Severity::error, file, 0, {}, std::move(message)});
  piece.faults.push_back(problems_.back().text());
}

void ProfileStore::parse(ProfileFile kind, std::string_view text, const std::string& file, Piece& piece) {
  Problems problems;
  parse_profile_file(kind, text, file, piece.profile, problems);
  piece.found = true;
  for (auto& problem : problems) {
    piece.faults.push_back(problem.text());
    problems_.push_back(std::move(problem));
  }
}

const ProfileStore::Piece& ProfileStore::piece(ProfileFile kind, const std::string& path) {
  const auto [entry, is_new] = pieces_.try_emplace({kind, path});
  Piece& result = entry->second;
  if (!is_new) return result;
  consulted_.insert(folder_of(path));
  try {
    if (const auto text = read_trusted(path)) parse(kind, *text, path, result);
  } catch (const base::Error& error) {
    fault(result, path, error.hint().empty() ? error.what() : concat(error.what(), "; ", error.hint()));
  }
  return result;
}

const ProfileStore::Piece& ProfileStore::built_in_piece(ProfileFile kind, const std::string& profile) {
  const std::string name = concat("built-in profile ", profile, "/", file_name(kind));
  const auto [entry, is_new] = pieces_.try_emplace({kind, name});
  if (is_new)
    if (const auto text = built_in_profile_file(profile, kind)) parse(kind, *text, name, entry->second);
  return entry->second;
}

const ProfileStore::Piece& ProfileStore::override_piece(ProfileFile kind, const std::string& value, bool from_schroot) {
  if (value.front() == '/') {
    const Piece& result = piece(kind, value);
    if (result.found || !result.faults.empty()) return result;
  } else {
    for (const auto& base : bases(from_schroot)) {
      const Piece& result = piece(kind, concat(base, "/", value));
      if (result.found || !result.faults.empty()) return result;
    }
    const auto parts = base::split(value, '/');
    if (parts.size() == 2 && parts[1] == file_name(kind) && is_built_in_profile(parts[0]))
      return built_in_piece(kind, parts[0]);
  }
  // A fault of the definition that names the file, not of any file: so not among the problems of profiles.
  Piece& missing = pieces_[{kind, concat("missing ", value)}];
  if (missing.faults.empty())
    missing.faults.push_back(
        concat("there is no file '", printable(value), "', which setup.", file_name(kind), " names",
               value.front() == '/' ? std::string()
                                    : concat("; it was looked for in ", base::join(bases(from_schroot), ", "))));
  return missing;
}

}  // namespace unionroot::definition
