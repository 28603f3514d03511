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

// The places that an address names, in order. Transports other than unix:path and unix:abstract are passed over;
// throws Error(invalid_argument) if none is left or the text is malformed.
std::vector<SocketAddress> parse_address(std::string_view address);

// The address of `bus` as the settings have it: "system", "session", or an address itself. The usual variables
// (DBUS_SYSTEM_BUS_ADDRESS, DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR) count as everywhere else.
std::string address_of(const std::string& bus);

}  // namespace unionroot::cli::bus
