// A folder of its own for a test, owned by whoever runs it (root, for files that are to be trusted).
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "definition/registry.h"

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "definition-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Writes the file, and the folders above it; returns its path.
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    if (::chmod(file.c_str(), mode) != 0) throw std::runtime_error("chmod");
    return file.string();
  }

  // Settings that stay within the folder.
  [[nodiscard]] unionroot::definition::Settings settings() const {
    unionroot::definition::Settings settings;
    settings.config_directory = path_;
    settings.config_file = path_ + "/unionroot.conf";
    settings.schroot_directory = path_ + "/schroot";
    settings.state_directory = path_ + "/state";
    settings.runtime_directory = path_ + "/run";
    return settings;
  }

 private:
  std::string path_;
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
