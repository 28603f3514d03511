// Why work was refused.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>

#include "base/error.h"

namespace unionroot::tests {

// Fails the test if the work is not refused.
inline base::ErrorCode refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.code();
  }
  FAIL("it was taken");
  throw std::logic_error("unreachable");
}

}  // namespace unionroot::tests
