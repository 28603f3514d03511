// The schema, as the list of steps that lead to it. PRAGMA user_version counts the steps a database has had.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "store/sqlite.h"

namespace unionroot::store {

// Marks the file as ours (PRAGMA application_id): "unrt".
inline constexpr int application_id = 0x756e7274;

// Step N (from 0) leads from version N to version N+1. Steps that were released are never edited; new ones are added.
const std::vector<std::string>& migrations();

// Applies the steps that are missing, each in a transaction of its own with the version. Throws Error(not_supported)
// for a database of a newer version, Error(failed) for one that is not ours; both leave it as it is.
void migrate(Database& database, const std::vector<std::string>& steps);

}  // namespace unionroot::store
