// Finds and reads profiles: in the configuration, in the installed data folder, and in the program itself.
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
  std::string name;           // name of a folder, or a path relative to the folder of profiles
  bool from_schroot = false;  // the definition comes from schroot's folder; its profiles come first
  // setup.fstab and so on: a path, absolute or relative to the folder of profiles. "": the profile has no such part.
  std::map<ProfileFile, std::string> overrides{};
  // setup.config: the path of a file of assignments that names the other files, in the same form. nullopt: the
  // profile's own file, if it has one.
  std::optional<std::string> config{};
  // script-config: a path in the same form; `name` is then its folder. Empty: not given.
  std::string script_config{};
  std::map<std::string, std::string> variables{};  // the variables in a file of assignments
};

// Where a part of a profile was read. Both members are empty if there is no such part.
struct ProfileSource {
  std::string path;  // in the form of setup.fstab
  std::string text;
};

// Use one for each reading of the configuration: it caches what it has read. Not thread-safe.
class ProfileStore {
 public:
  explicit ProfileStore(const Settings& settings);

  // Errors are added to `faults`, one text each, without the name of a definition.
  Profile load(const ProfileRequest& request, std::vector<std::string>& faults,
               std::map<ProfileFile, ProfileSource>* read_from = nullptr);

  // All problems in the files that were read, each once.
  [[nodiscard]] const Problems& problems() const { return problems_; }
  // Folders whose change may change a profile. They need not exist.
  [[nodiscard]] const std::set<std::string>& consulted() const { return consulted_; }

 private:
  struct Text {
    std::optional<std::string> content;  // nullopt: there is no such file, or it cannot be read
    std::string fault;
  };
  struct Piece {
    Profile profile;
    std::vector<std::string> faults;
    ProfileSource source;
    bool found = false;
  };

  [[nodiscard]] std::vector<std::string> bases(bool from_schroot) const;
  // The paths to try. An absolute path gives only itself.
  [[nodiscard]] std::vector<std::string> places(const std::string& path, bool from_schroot) const;
  [[nodiscard]] std::map<std::string, std::string> variables_for(const ProfileRequest& request,
                                                                 const std::string& path) const;
  // Returns the profile's folder; empty for a built-in profile. Returns nullopt, with a fault, if there is none or if
  // it is not trusted.
  std::optional<std::string> find_folder(const ProfileRequest& request, std::vector<std::string>& faults);
  // Reads the file of assignments into `sources`. Returns its path, or an empty text if there is none.
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
  // Reported problems of files of assignments. Such a file is parsed again for each definition.
  std::set<std::string> said_;
};

}  // namespace unionroot::definition
