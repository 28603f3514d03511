// Waiting for what happens in a moment, on a machine that may be busy with ten other things.
#pragma once

#include <chrono>
#include <thread>

namespace unionroot::tests {

// True as soon as condition() is; false if it is not within the time.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::minutes(1)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Whether it took less than the time at least once: what one run took may be the machine's doing, ten are not.
template <typename Action>
bool takes_less_than(std::chrono::milliseconds limit, Action action) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto begin = std::chrono::steady_clock::now();
    action();
    if (std::chrono::steady_clock::now() - begin < limit) return true;
  }
  return false;
}

}  // namespace unionroot::tests
