// A file system in memory that is mounted nowhere: it goes with the process, whatever ends that.
#pragma once

#include <string>

#include "base/unique_fd.h"

namespace unionroot::fuzz {

class MemoryFolder {
 public:
  // Throws Skip where the tests do not run as root.
  MemoryFolder();

  [[nodiscard]] int descriptor() const { return root_.get(); }
  [[nodiscard]] std::string path() const;  // as this process alone can open it
  // Removes all that is in it.
  void clear() const;

 private:
  base::UniqueFd root_;
};

}  // namespace unionroot::fuzz
