// Copies a file with its mode. boost::filesystem::copy_file of 1.74 fails between two file systems (docs/libraries.md).
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::tests {

inline void copy_file(const std::string& from, const std::string& to) {
  struct stat facts {};
  base::check(::stat(from.c_str(), &facts), "looking at", from);
  std::ifstream source(from, std::ios::binary);
  std::ofstream target(to, std::ios::binary | std::ios::trunc);
  target << source.rdbuf();
  target.close();
  if (!source || !target) throw base::Error(base::ErrorCode::failed, base::concat("copying ", from, " to ", to));
  base::check(::chmod(to.c_str(), facts.st_mode & 07777), "changing the mode of", to);
}

}  // namespace unionroot::tests
