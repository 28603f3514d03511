// D-Bus addresses: "unix:path=/run/dbus/system_bus_socket", alternatives separated by ';'.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::cli::bus {

// One place to connect to: a path, or a name in the abstract name space.
struct SocketAddress {
  bool abstract = false;
  std::string path;
  bool operator==(const SocketAddress&) const = default;
};

// The places that an address names, in order. Transports other than unix:path and unix:abstract are skipped. Throws
// Error(invalid_argument) if no place is left, or if the text is malformed.
std::vector<SocketAddress> parse_address(std::string_view address);

// The address for the setting `bus`: "system", "session", or an address itself. The usual variables are used:
// DBUS_SYSTEM_BUS_ADDRESS, DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR. Throws Error(failed) if there is no session
// bus.
std::string address_of(const std::string& bus);

}  // namespace unionroot::cli::bus
