// Undoes steps in reverse order unless they are committed.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace unionroot::base {

// Each successful step adds an action that undoes it. The destructor runs the actions in reverse order, unless commit()
// was called. An action must not throw: it catches and logs its errors, because the first error is the one to report.
class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) (*undo)();
  }
  void add(std::function<void()> undo) { undo_.push_back(std::move(undo)); }
  void commit() noexcept { undo_.clear(); }

 private:
  std::vector<std::function<void()>> undo_;
};

}  // namespace unionroot::base
