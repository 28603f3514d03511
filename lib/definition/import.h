// Converts schroot's definitions into the text of unionroot's definitions.
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
  std::string text;      // a section; comments stand for the parts of schroot's that were left out
  bool carried = false;  // false: `text` has only comments, which tell what was wrong
};

struct ImportedProfile {
  std::string name;
  std::map<ProfileFile, std::string> texts;
};

struct Imported {
  std::vector<ImportedChroot> chroots;
  std::vector<ImportedProfile> profiles;  // profiles that the chroots name and that do not exist without schroot
  Problems problems;
};

enum class ImportProfiles {
  copied,  // into Imported::profiles
  named,   // by the paths of their files: setup.fstab=/etc/schroot/...
};

// Reads the files as schroot does. An empty list means the files that schroot reads. Each text that is carried was
// parsed again and gave the same definition. The check of a copied profile uses the original files.
Imported import_definitions(const std::vector<std::string>& files, const Settings& settings, ImportProfiles profiles);

}  // namespace unionroot::definition
