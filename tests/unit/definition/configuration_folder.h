// Definitions and settings in a folder of a test's own. They must be owned by root to be read.
#pragma once

#include <string>

#include "definition/registry.h"
#include "skip.h"
#include "temporary_folder.h"

class ConfigurationFolder : public unionroot::tests::TemporaryFolder {
 public:
  ConfigurationFolder() { unionroot::tests::require_root("to own the configuration"); }

  // Settings that stay within the folder.
  [[nodiscard]] unionroot::definition::Settings settings() const {
    unionroot::definition::Settings settings;
    settings.config_directory = path();
    settings.config_file = *this / "unionroot.conf";
    settings.schroot_directory = *this / "schroot";
    settings.read_schroot = false;
    settings.state_directory = *this / "state";
    settings.runtime_directory = *this / "run";
    return settings;
  }
};

// All texts, one a line, with the folder's path cut out: to search and to show.
inline std::string texts(const unionroot::definition::Problems& problems, const std::string& without = {}) {
  std::string out;
  for (const auto& problem : problems) {
    std::string text = problem.text();
    for (std::size_t at = 0; !without.empty() && (at = text.find(without + "/", at)) != std::string::npos;)
      text.erase(at, without.size() + 1);
    const char* const severity[] = {"notice: ", "warning: ", "error: "};
    out += severity[static_cast<int>(problem.severity)] + text + "\n";
  }
  return out;
}
