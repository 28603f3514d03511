// What read_settings throws when the section [unionroot] cannot be used.
#pragma once

#include "base/error.h"
#include "definition/problem.h"

namespace unionroot::definition {

// what() is the first of the problems, of which there is at least one.
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
