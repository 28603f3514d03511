// For a test that opens hundreds of files.
#pragma once

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <string>

#include "skip.h"

namespace unionroot::tests {

// As many may be open as the hard limit lets, whatever the soft one is that the tests were started with.
class MostFiles {
 public:
  MostFiles() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit wanted{before_.rlim_max, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &wanted) == 0);
  }
  MostFiles(const MostFiles&) = delete;
  MostFiles& operator=(const MostFiles&) = delete;
  ~MostFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  // Skips the test case if fewer may be open.
  void require(rlim_t count) const {
    if (count > before_.rlim_max)
      skip("opens " + std::to_string(count) + " files, and only " + std::to_string(before_.rlim_max) +
           " may be open here");
  }

 private:
  rlimit before_{};
};

}  // namespace unionroot::tests
