// An input as a tar archive whose headers have the sums that they must have: else no mutation would be looked at.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::fuzz {

// Goes from header to header by the sizes that they tell. All else stays as it is.
std::string with_right_sums(std::string_view input);

}  // namespace unionroot::fuzz
