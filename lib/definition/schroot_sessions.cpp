#include "definition/schroot_sessions.h"

#include <optional>

#include "base/error.h"
#include "base/names.h"
#include "base/text.h"
#include "definition/keyfile.h"
#include "definition/trusted_file.h"

namespace unionroot::definition {

namespace {

using base::concat;

std::string value_of(const KeyfileSection& section, std::string_view key) {
  const auto* const entry = section.find(key);
  return entry == nullptr ? std::string() : entry->value;
}

SchrootSessionFile session_of(const KeyfileSection& section, const std::string& path) {
  SchrootSessionFile session;
  session.path = path;
  for (const auto& entry : section.entries) session.keys[entry.key] = entry.value;
  session.id = section.name;
  session.chroot = value_of(section, "original-name");
  session.type = value_of(section, "type");
  session.owner = value_of(section, "users");
  session.as_root = session.owner.empty();
  if (session.as_root) session.owner = value_of(section, "root-users");
  session.union_type = value_of(section, "union-type");
  if (session.union_type.empty()) session.union_type = "none";
  if (session.union_type != "none") session.overlay = value_of(section, "union-overlay-directory");
  session.location = value_of(section, "mount-location");
  return session;
}

std::string folder_of_files(const Settings& settings) { return settings.schroot_state_directory + "/session"; }

// nullopt: no such file, or the file of a session of unionroot.
std::optional<SchrootSessionFile> read_session(const Settings& settings, const std::string& id) {
  const auto path = concat(folder_of_files(settings), "/", id);
  const auto text = read_trusted(path);
  if (!text || text->starts_with(mark_of_view)) return std::nullopt;
  const auto keyfile = parse_keyfile(*text, path);
  if (keyfile.sections.size() != 1 || keyfile.sections.front().name != id)
    throw base::Error(base::ErrorCode::invalid_argument,
                      concat(path, " is not a session file of schroot; expected [", id, "]"));
  return session_of(keyfile.sections.front(), path);
}

}  // namespace

SchrootSessionFile schroot_session_file(const Settings& settings, const std::string& id) {
  base::require_valid_name("session name", id);
  auto session = read_session(settings, id);
  if (session) return *session;
  throw base::Error(base::ErrorCode::no_such_session,
                    concat("schroot has no session '", id, "': it has no file in ", folder_of_files(settings)),
                    "`unionroot import --sessions --dry-run` lists its sessions");
}

std::vector<SchrootSessionFile> schroot_sessions(const Settings& settings, Problems& problems) {
  std::vector<SchrootSessionFile> found;
  const auto names = list_trusted(folder_of_files(settings));
  if (!names) return found;
  for (const auto& name : *names) {
    if (!base::valid_name(name)) continue;
    try {
      if (auto session = read_session(settings, name)) found.push_back(std::move(*session));
    } catch (const base::Error& error) {
      problems.push_back(
          {Problem::Severity::error, concat(folder_of_files(settings), "/", name), 0, {}, error.with_hint()});
    }
  }
  return found;
}

}  // namespace unionroot::definition
