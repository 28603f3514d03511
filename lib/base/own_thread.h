// Work in a thread of its own. What such a thread changes of itself, as its namespaces, ends with it.
#pragma once

#include <exception>
#include <thread>

namespace unionroot::base {

// Waits for it. What `action` throws is thrown here.
template <typename Action>
void in_own_thread(const Action& action) {
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      action();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace unionroot::base
