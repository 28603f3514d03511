// Runs work in a thread of its own. Changes that the thread makes to itself, such as its namespaces, end with it.
#pragma once

#include <exception>
#include <thread>

namespace unionroot::base {

// Waits for the thread. Rethrows what `action` throws.
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
