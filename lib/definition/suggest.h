// "Did you mean": the known words nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

// At most `most` of the known words, nearest first; empty if nothing is near.
std::vector<std::string> near_misses(std::string_view word, const std::vector<std::string>& known,
                                     std::size_t most = 3);

// "; did you mean 'directory'?", or empty: the end of a message.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace unionroot::definition
