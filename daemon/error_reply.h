// The one place where a failure becomes an answer on the bus.
#pragma once

#include <sdbus-c++/Error.h>

#include <exception>

namespace unionroot::daemon {

// base::Error: org.unionroot1.Error.<Name>, its message and, on a line of its own, its hint. Any other exception:
// org.unionroot1.Error.Failed.
sdbus::Error error_to_reply(const std::exception_ptr& error);

// Runs work; what it throws becomes an sdbus::Error, the only exception that sdbus-c++ 1.2 catches in a callback.
template <typename Work>
decltype(auto) guarded_callback(Work&& work) {
  try {
    return work();
  } catch (...) {
    throw error_to_reply(std::current_exception());
  }
}

}  // namespace unionroot::daemon
