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
  // has room again) is done then. Steps are idempotent.
  template <typename Step>
  void run(const Step& step) {
    std::string problem;
    if (!succeeds(step, problem) && !succeeds(step, problem)) problems_.push_back(std::move(problem));
  }

  // What could not be done, with what to do about it.
  [[nodiscard]] std::vector<std::string>& problems() { return problems_; }

 private:
  template <typename Step>
  static bool succeeds(const Step& step, std::string& problem) {
    try {
      step();
      return true;
    } catch (const base::Error& error) {
      problem = base::concat(error.what(), error.hint().empty() ? "" : "; ", error.hint());
    } catch (const std::exception& error) {
      problem = error.what();
    }
    return false;
  }

  std::vector<std::string> problems_;
};

}  // namespace unionroot::session
