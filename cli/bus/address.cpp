#include "cli/bus/address.h"

#include <sys/un.h>

#include <cstdlib>

#include "base/error.h"
#include "base/hex.h"
#include "base/text.h"

namespace unionroot::cli::bus {

namespace {

[[noreturn]] void malformed(std::string_view address) {
  throw base::Error(base::ErrorCode::invalid_argument,
                    base::concat("cannot use the bus address '", base::printable(address), "'"),
                    "an address looks like unix:path=/run/dbus/system_bus_socket; see `bus` in unionroot.conf(5)");
}

// Decodes %XX. See "Server Addresses" in the D-Bus specification.
std::string unescape(std::string_view value, std::string_view address) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      out.push_back(value[i]);
      continue;
    }
    const auto byte = base::byte_of_hex(value.substr(i + 1), base::HexCase::any);
    if (!byte) malformed(address);
    out.push_back(static_cast<char>(*byte));
    i += 2;
  }
  return out;
}

}  // namespace

std::vector<SocketAddress> parse_address(std::string_view address) {
  std::vector<SocketAddress> places;
  for (const auto& part : base::split(address, ';')) {
    const std::string_view text = part;
    if (!text.starts_with("unix:")) continue;
    for (const auto& pair : base::split(text.substr(5), ',')) {
      const auto equals = pair.find('=');
      if (equals == std::string::npos) malformed(address);
      const auto key = pair.substr(0, equals);
      if (key != "path" && key != "abstract") continue;
      SocketAddress place{key == "abstract", unescape(std::string_view(pair).substr(equals + 1), address)};
      if (place.path.empty() || place.path.size() >= sizeof(sockaddr_un::sun_path) - 1) malformed(address);
      places.push_back(std::move(place));
    }
  }
  if (places.empty()) malformed(address);
  return places;
}

std::string address_of(const std::string& bus) {
  if (bus == "system") {
    const char* given = ::secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    return given != nullptr && *given != '\0' ? given : "unix:path=/run/dbus/system_bus_socket";
  }
  if (bus != "session") return bus;
  const char* given = ::secure_getenv("DBUS_SESSION_BUS_ADDRESS");
  if (given != nullptr && *given != '\0') return given;
  const char* runtime = ::secure_getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return base::concat("unix:path=", std::string_view(runtime), "/bus");
  throw base::Error(base::ErrorCode::failed,
                    "there is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor "
                    "XDG_RUNTIME_DIR is set",
                    "start one (dbus-run-session), or set `bus` in unionroot.conf(5)");
}

}  // namespace unionroot::cli::bus
