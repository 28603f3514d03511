// Names and paths on the bus.
#pragma once

#include <string>

namespace unionroot::daemon {

inline constexpr const char* bus_name = "org.unionroot1";
inline constexpr const char* manager_path = "/org/unionroot1";
// Each session and each chroot is a child of its node.
inline constexpr const char* sessions_node = "/org/unionroot1/session";
inline constexpr const char* chroots_node = "/org/unionroot1/chroot";

// sd_bus_path_encode(3) escapes the names.
std::string session_path(const std::string& id);
std::string chroot_path(const std::string& name);

}  // namespace unionroot::daemon
