// Steps that are all tried, even if some fail.
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::session {

class Attempts {
 public:
  // Runs the step, and once more if it throws. Some failures pass: a process exits, a disk has room again. A step that
  // timed out is not run again, since it has waited already. Steps must be idempotent.
  template <typename Step>
  void run(const Step& step) {
    std::string problem;
    bool timed_out = false;
    if (succeeds(step, problem, timed_out) || (!timed_out && succeeds(step, problem, timed_out))) return;
    problems_.push_back(std::move(problem));
  }

  // The failures, with hints.
  [[nodiscard]] std::vector<std::string>& problems() { return problems_; }

 private:
  template <typename Step>
  static bool succeeds(const Step& step, std::string& problem, bool& timed_out) {
    try {
      step();
      return true;
    } catch (const base::Error& error) {
      timed_out = error.code() == base::ErrorCode::timed_out;
      problem = error.with_hint();
    } catch (const std::exception& error) {
      problem = error.what();
    }
    return false;
  }

  std::vector<std::string> problems_;
};

}  // namespace unionroot::session
