// Definitions of schroot's as definitions of our own, in text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "definition/problem.h"
#include "definition/profile_files.h"
#include "definition/settings.h"

namespace unionroot::definition {

struct ImportedChroot {
  std::string name;
  std::string text;      // a section, with comments for what it does not have of schroot's
  bool carried = false;  // false: all of `text` is comments, which say what was wrong
};

struct ImportedProfile {
  std::string name;
  std::map<ProfileFile, std::string> texts;
};

struct Imported {
  std::vector<ImportedChroot> chroots;
  std::vector<ImportedProfile> profiles;  // that the chroots name, and that are not there without schroot
  Problems problems;
};

enum class ImportProfiles {
  copied,  // into Imported::profiles
  named,   // where they are: setup.fstab=/etc/schroot/...
};

// Reads the files as schroot's; without any, those that schroot reads. Each text that is carried was read again as a
// definition of our own, and gave the same one. `copied`: with the profiles beside it.
Imported import_definitions(const std::vector<std::string>& files, const Settings& settings, ImportProfiles profiles);

}  // namespace unionroot::definition
