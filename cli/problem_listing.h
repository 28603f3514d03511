// Problems of the configuration as text. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "definition/problem.h"

namespace unionroot::cli {

// True if there are errors or warnings. Notices do not count.
bool anything_wrong(const definition::Problems& problems);

// One line for each problem, and a summary: "2 definitions, 1 problem".
std::string problems_text(std::size_t definitions, const definition::Problems& problems);

nlohmann::json problems_json(std::size_t definitions, const definition::Problems& problems);

}  // namespace unionroot::cli
