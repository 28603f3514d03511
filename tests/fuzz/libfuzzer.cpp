// Runs a target under libFuzzer. UNIONROOT_FUZZ_PLANTED=1 plants the target's fault.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "fuzz.h"

using namespace unionroot;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzz::planted = std::getenv("UNIONROOT_FUZZ_PLANTED") != nullptr;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    fuzz::run({reinterpret_cast<const char*>(data), size});
  } catch (const std::exception& finding) {
    std::fprintf(stderr, "%s\n", base::printable(finding.what(), 4000).c_str());
    std::abort();
  }
  return 0;
}
