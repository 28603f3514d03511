#include "daemon/object_paths.h"

#include <systemd/sd-bus.h>

#include <cstdlib>
#include <memory>

#include "base/error.h"

namespace unionroot::daemon {

namespace {

struct Free {
  void operator()(char* text) const noexcept { std::free(text); }
};

std::string encode(const char* prefix, const std::string& name) {
  char* path = nullptr;
  const int result = ::sd_bus_path_encode(prefix, name.c_str(), &path);
  if (result < 0) throw base::SystemError(-result, "making an object path of " + name);
  const std::unique_ptr<char, Free> owner(path);
  return path;
}

}  // namespace

std::string session_path(const std::string& id) { return encode(sessions_node, id); }
std::string chroot_path(const std::string& name) { return encode(chroots_node, name); }

}  // namespace unionroot::daemon
