// Times as text. All functions take microseconds since 1970.
#pragma once

#include <cstdint>
#include <string>

namespace unionroot::base {

std::string local_time(std::int64_t microseconds);  // "2026-11-29 07:48:07", in the time zone of the process
std::string utc_time(std::int64_t microseconds);    // "2026-11-29 07:48:07 UTC"
std::string time_stamp(std::int64_t microseconds);  // "20261129T074807Z": for file names

}  // namespace unionroot::base
