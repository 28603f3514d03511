// Locks as text. Reads the commands of the owners from /proc.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "locks/source_lock.h"

namespace unionroot::cli {

std::string lock_table(const std::vector<locks::LockInfo>& held);
nlohmann::json locks_json(const std::vector<locks::LockInfo>& held);

}  // namespace unionroot::cli
