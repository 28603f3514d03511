// Faults for tests/histories. That test must find each of them. Only the library built for that test contains them.
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
