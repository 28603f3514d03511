// A folder of a test's own, with all that is in it gone at the end. Not for one that may hold a mount.
#pragma once

#include <sys/stat.h>

#include <boost/filesystem.hpp>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.h"

namespace unionroot::tests {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    if (::mkdtemp(path_.data()) == nullptr) base::throw_errno("making a folder");
    base::check(::chmod(path_.c_str(), 0755), "changing the mode of", path_);  // other users may look at it
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { boost::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // Writes the file, and makes the folders above it; its path.
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    const auto file = *this / name;
    boost::filesystem::create_directories(boost::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    base::check(::chmod(file.c_str(), mode), "changing the mode of", file);
    return file;
  }

 private:
  std::string path_ = (boost::filesystem::temp_directory_path() / "unionroot-XXXXXX").string();
};

}  // namespace unionroot::tests
