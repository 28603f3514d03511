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
  std::string name;           // a folder's, or a path that leads to one from the folder of profiles
  bool from_schroot = false;  // the definition was read from schroot's folder: its profiles come first
  // setup.fstab and so on: a path relative to the folder of profiles, or absolute; "" for none of that kind.
  std::map<ProfileFile, std::string> overrides{};
  // setup.config, likewise: a file of assignments that say where the others are. None: the profile's own, if it has
  // one.
  std::optional<std::string> config{};
  // script-config, likewise, and then `name` is the folder that it lies in. Empty: none.
  std::string script_config{};
  std::map<std::string, std::string> variables{};  // what $NAME means in such a file
};

// Where a part of a profile was read; both empty: there is no such part.
struct ProfileSource {
  std::string path;  // as setup.fstab and so on take it
  std::string text;
};

// One per reading of the configuration: it keeps what it has read. Not thread-safe.
class ProfileStore {
 public:
  explicit ProfileStore(const Settings& settings);

  // What is wrong is added to `faults`, one text each, without naming a definition.
  Profile load(const ProfileRequest& request, std::vector<std::string>& faults,
               std::map<ProfileFile, ProfileSource>* read_from = nullptr);

  // Everything wrong in the files that were read, each once.
  [[nodiscard]] const Problems& problems() const { return problems_; }
  // Folders whose change may change a profile, whether they exist or not.
  [[nodiscard]] const std::set<std::string>& consulted() const { return consulted_; }

 private:
  struct Text {
    std::optional<std::string> content;  // none: there is no such file, or it cannot be read
    std::string fault;
  };
  struct Piece {
    Profile profile;
    std::vector<std::string> faults;
    ProfileSource source;
    bool found = false;
  };

  [[nodiscard]] std::vector<std::string> bases(bool from_schroot) const;
  // Where that path may lead: itself, if it is absolute.
  [[nodiscard]] std::vector<std::string> places(const std::string& path, bool from_schroot) const;
  [[nodiscard]] std::map<std::string, std::string> variables_for(const ProfileRequest& request,
                                                                 const std::string& path) const;
  // The profile's folder; empty for a built-in one; nullopt if there is none, or it is not to be trusted (a fault).
  std::optional<std::string> find_folder(const ProfileRequest& request, std::vector<std::string>& faults);
  // What the file of assignments says goes to `sources`. The path of that file; empty: there is none.
  std::string read_config(const ProfileRequest& request, const std::optional<std::string>& folder,
                          std::map<ProfileFile, std::string>& sources, std::vector<std::string>& faults);
  const Text& text(const std::string& path);
  const Piece& piece(ProfileFile kind, const std::string& path);
  const Piece& built_in_piece(ProfileFile kind, const std::string& profile);
  const Piece& override_piece(ProfileFile kind, const std::string& value, bool from_schroot);
  void parse(ProfileFile kind, std::string_view text, const std::string& file, Piece& piece);

  const Settings settings_;
  std::map<std::pair<ProfileFile, std::string>, Piece> pieces_;
  std::map<std::string, Text> texts_;
  Problems problems_;
  std::set<std::string> consulted_;
  std::set<std::string> refused_folders_;
  std::set<std::string> said_;  // of the files of assignments, which are read once for each definition
};

}  // namespace unionroot::definition
