// The only place that turns exceptions into error replies.
#pragma once

#include <sdbus-c++/Error.h>

#include <exception>

namespace unionroot::daemon {

// base::Error becomes org.unionroot1.Error.<Name>, with its message and, on a line of its own, its hint. sdbus::Error
// is returned unchanged. Any other exception becomes org.unionroot1.Error.Failed.
sdbus::Error error_to_reply(const std::exception_ptr& error);

// Runs the work, and throws its exceptions as sdbus::Error: sdbus-c++ 1.2 catches no other exception in a callback.
template <typename Work>
decltype(auto) guarded_callback(Work&& work) {
  try {
    return work();
  } catch (...) {
    throw error_to_reply(std::current_exception());
  }
}

}  // namespace unionroot::daemon
