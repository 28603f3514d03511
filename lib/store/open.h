// Opens the database file: creates it with the right mode, checks it, sets it aside if it is damaged.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "store/sqlite.h"

namespace unionroot::store {

struct Opened {
  Database database;
  std::optional<std::string> set_aside;  // the new name of the damaged file that was found
};

Opened open_database(const std::string& file, std::chrono::milliseconds busy_timeout);

}  // namespace unionroot::store
