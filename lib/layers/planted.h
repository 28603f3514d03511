// Faults planted for tests/histories, which has to find each. Only in the library that is built for that test.
#pragma once

#include <cstdlib>

namespace unionroot::layers {

#ifdef UNIONROOT_PLANTED_FAULTS
inline bool planted(int number) {
  static const char* const chosen = std::getenv("UNIONROOT_LAYERS_FAULT");
  return chosen != nullptr && std::atoi(chosen) == number;
}
#else
constexpr bool planted(int) { return false; }
#endif

}  // namespace unionroot::layers
