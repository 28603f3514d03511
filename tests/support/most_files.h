// For a test that opens hundreds of files.
#pragma once

#include <sys/resource.h>

#include <catch2/catch.hpp>

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

  // Whether so many may be; says so if not, for the test to return.
  [[nodiscard]] bool suffice(rlim_t count) const {
    if (count <= before_.rlim_max) return true;
    WARN("skipped: it opens " << count << " files, and only " << before_.rlim_max << " may be open here");
    return false;
  }

 private:
  rlimit before_{};
};

}  // namespace unionroot::tests
