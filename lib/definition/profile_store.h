// Finds and reads profiles: from the configuration, from the installed data folder, from the program itself.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "definition/problem.h"
#include "definition/profile.h"
#include "definition/profile_files.h"
#include "definition/settings.h"

namespace unionroot::definition {

struct ProfileRequest {
  std::string name;
  bool from_schroot = false;  // the definition was read from schroot's folder: its profiles come first
  // setup.fstab and so on: a path relative to the folder of profiles, or absolute; "" for none of that kind.
  std::map<ProfileFile, std::string> overrides;
};

// One per reading of the configuration: it keeps what it has read. Not thread-safe.
class ProfileStore {
 public:
  explicit ProfileStore(const Settings& settings);

  // What is wrong is added to `faults`, one text each, without naming a definition.
  Profile load(const ProfileRequest& request, std::vector<std::string>& faults);

  // Everything wrong in the files that were read, each once.
  [[nodiscard]] const Problems& problems() const { return problems_; }
  // Folders whose change may change a profile, whether they exist or not.
  [[nodiscard]] const std::set<std::string>& consulted() const { return consulted_; }

 private:
  struct Piece {
    Profile profile;
    std::vector<std::string> faults;
    bool found = false;
  };

  [[nodiscard]] std::vector<std::string> bases(bool from_schroot) const;
  // The profile's folder; empty for a built-in one; nullopt if there is none, or it is not to be trusted (a fault).
  std::optional<std::string> find_folder(const ProfileRequest& request, std::vector<std::string>& faults);
  const Piece& piece(ProfileFile kind, const std::string& path);
  const Piece& built_in_piece(ProfileFile kind, const std::string& profile);
  const Piece& override_piece(ProfileFile kind, const std::string& value, bool from_schroot);
  void parse(ProfileFile kind, std::string_view text, const std::string& file, Piece& piece);
  void fault(Piece& piece, const std::string& file, std::string message);

  const Settings settings_;
  std::map<std::pair<ProfileFile, std::string>, Piece> pieces_;
  Problems problems_;
  std::set<std::string> consulted_;
  std::set<std::string> refused_folders_;
};

}  // namespace unionroot::definition
