// Undo what was done, in reverse, unless it is committed.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace unionroot::base {

// Each step that succeeded adds how to undo it; the destructor runs these in reverse, unless commit() was called.
// An undo action must not throw: it catches and logs, since the first cause is the one to report.
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
