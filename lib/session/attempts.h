// Steps that are all tried, whatever becomes of the others.
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::session {

class Attempts {
 public:
  // Runs the step; if it throws, once more: what fails for a passing reason (a process that is about to go, a disk that
  // has room again) is done then. A time-out has waited already, so it is not tried again. Steps are idempotent.
  template <typename Step>
  void run(const Step& step) {
    std::string problem;
    bool timed_out = false;
    if (succeeds(step, problem, timed_out) || (!timed_out && succeeds(step, problem, timed_out))) return;
    problems_.push_back(std::move(problem));
  }

  // What could not be done, with what to do about it.
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
