// The error that read_settings throws for a faulty section [unionroot].
#pragma once

#include "base/error.h"
#include "definition/problem.h"

namespace unionroot::definition {

// what() is the first problem. There is at least one.
class SettingsError final : public base::Error {
 public:
  explicit SettingsError(Problems problems)
      : Error(base::ErrorCode::definition_invalid, problems.front().text(),
              "correct it; `unionroot check` shows everything wrong at once"),
        problems_(std::move(problems)) {}

  [[nodiscard]] const Problems& problems() const noexcept { return problems_; }

 private:
  Problems problems_;
};

}  // namespace unionroot::definition
