// Reads the parameters into a plan, one after another.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "boot/plan.h"

namespace unionroot::boot {

inline constexpr std::array<std::pair<std::string_view, OnOtherBase>, 3> base_policies{
    {{"keep", OnOtherBase::keep}, {"discard", OnOtherBase::discard}, {"accept", OnOtherBase::accept}}};

class Reading {
 public:
  explicit Reading(Plan& plan) : plan_(plan) {}

  void take(const Setting& setting, bool from_file);
  void finish();

  Plan& plan_;
  std::optional<MountWords> upper_options_;  // nullopt: there were none
  std::string bad_image_;                    // why rootrwimage= is wrong; empty: it is not

  void problem(const Setting& setting, std::string_view why, std::string_view taken) {
    plan_.problems.push_back(base::concat(setting.origin, ": ", base::printable(setting.key), "=",
                                          base::printable(setting.value), ": ", why, "; ", taken));
  }
};

}  // namespace unionroot::boot
