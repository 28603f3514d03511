// How the database file is opened: created with the right mode, checked, set aside if it is damaged.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "store/sqlite.h"

namespace unionroot::store {

struct Opened {
  Database database;
  std::optional<std::string> set_aside;  // where the damaged file that stood in its place is now
};

Opened open_database(const std::string& file, std::chrono::milliseconds busy_timeout);

}  // namespace unionroot::store
