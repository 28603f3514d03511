#define CATCH_CONFIG_EXTERNAL_INTERFACES  // listeners
#include "skip.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <system_error>

namespace unionroot::tests {

namespace {

constexpr int status_skipped = 77;  // SKIP_RETURN_CODE of tests/support/CMakeLists.txt

// The test cases that were skipped, with their reasons.
std::map<std::string, std::string>& skipped() {
  static std::map<std::string, std::string> cases;
  return cases;
}

std::size_t cases_run = 0;

class CountCases : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(const Catch::TestCaseStats& /*stats*/) override { ++cases_run; }
};
CATCH_REGISTER_LISTENER(CountCases)

// For ./check, which lists the skipped tests of all programs. tests/support/skips.py writes the same format.
bool write_skips(const std::string& path) {
  if (skipped().empty()) return ::unlink(path.c_str()) == 0 || errno == ENOENT;
  const auto slash = path.rfind('/');
  if (slash != std::string::npos) ::mkdir(path.substr(0, slash).c_str(), 0755);
  std::ofstream file(path);
  for (const auto& [name, reason] : skipped()) file << name << '\t' << reason << '\n';
  file.close();
  return file.good();
}

}  // namespace

void skip(const std::string& reason) {
  std::string line = reason;
  std::replace_if(
      line.begin(), line.end(), [](char character) { return character == '\n' || character == '\t'; }, ' ');
  skipped()[Catch::getResultCapture().getCurrentTestName()] = line;
  // Catch2 2.13 ends a test case at this exception, and counts no failure for it.
  throw Catch::TestFailureException();
}

void require_root(const std::string& what_for) {
  if (::geteuid() != 0) skip("needs root " + what_for);
}

int report_skips(int status) {
  for (const auto& [name, reason] : skipped()) std::cout << "skipped: " << name << ": " << reason << '\n';
  const char* path = std::getenv("UNIONROOT_SKIPS");  // NOLINT(concurrency-mt-unsafe): no thread changes it
  if (path != nullptr && !write_skips(path)) {
    std::cerr << std::system_error(errno, std::generic_category(), std::string("writing ") + path).what() << '\n';
    return 1;
  }
  if (status == 0 && cases_run != 0 && skipped().size() == cases_run) return status_skipped;
  return status;
}

}  // namespace unionroot::tests
