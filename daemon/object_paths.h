// Where things are on the bus.
#pragma once

#include <string>

namespace unionroot::daemon {

inline constexpr const char* bus_name = "org.unionroot1";
inline constexpr const char* manager_path = "/org/unionroot1";

// As sd_bus_path_encode(3) escapes them.
std::string session_path(const std::string& id);
std::string chroot_path(const std::string& name);

}  // namespace unionroot::daemon
