// An answer that a caller still waits for.
#pragma once

#include <exception>
#include <memory>

namespace unionroot::daemon {

class Owed {
 public:
  Owed() = default;
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;
  // Answers with this error. Does nothing if it was answered before.
  virtual void fail(const std::exception_ptr& error) = 0;

 protected:
  ~Owed() = default;
};
using OwedPtr = std::shared_ptr<Owed>;

// Exceptions of `work` become the reply.
template <typename Work>
void answering(const OwedPtr& reply, Work&& work) {
  try {
    work();
  } catch (...) {
    reply->fail(std::current_exception());
  }
}

}  // namespace unionroot::daemon
