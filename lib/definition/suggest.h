// "Did you mean": finds known words that are similar to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

// Returns at most `most` known words, nearest first. Empty if none is similar.
std::vector<std::string> near_misses(std::string_view word, const std::vector<std::string>& known,
                                     std::size_t most = 3);

// Returns "; did you mean 'directory'?" for the end of a message, or an empty text.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace unionroot::definition
