// The schema, as a list of migration steps. PRAGMA user_version counts the steps that a database has had.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "store/sqlite.h"

namespace unionroot::store {

// Marks the file as unionroot's (PRAGMA application_id): "unrt".
inline constexpr int application_id = 0x756e7274;

// Step N (from 0) leads from version N to version N+1. Never edit a released step; add a new one.
const std::vector<std::string>& migrations();

// Applies the missing steps. Each runs in its own transaction, together with the new version number. Throws
// Error(not_supported) for a database of a newer version, and Error(failed) for a database of another program. Both
// leave it unchanged.
void migrate(Database& database, const std::vector<std::string>& steps);

}  // namespace unionroot::store
