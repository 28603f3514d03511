// Runs a target under libFuzzer. UNIONROOT_FUZZ_PLANTED=1 plants the target's fault.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "fuzz.h"
#include "mutation.h"

using namespace unionroot;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzz::planted = std::getenv("UNIONROOT_FUZZ_PLANTED") != nullptr;
  return 0;
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

// libFuzzer's own changes seldom put one number in the place of another. Every fourth change is one of ./check's.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (seed % 4 != 0) return LLVMFuzzerMutate(data, size, most);
  std::string text = fuzz::Mutation(seed, {}).next({std::string(reinterpret_cast<const char*>(data), size)});
  text.resize(std::min(text.size(), most));
  std::copy(text.begin(), text.end(), data);
  return text.size();
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
