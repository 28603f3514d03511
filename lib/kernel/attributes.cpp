#include "kernel/attributes.h"

#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"

namespace unionroot::kernel {

std::optional<std::string> read_attribute(int file, const std::string& name) {
  std::array<char, 4096> buffer;
  const auto size = ::fgetxattr(file, name.c_str(), buffer.data(), buffer.size());
  if (size >= 0) return std::string(buffer.data(), static_cast<std::size_t>(size));
  if (errno == ENODATA || errno == EOPNOTSUPP) return std::nullopt;
  base::throw_errno("reading the attribute", name);
}

bool set_attribute(int file, const std::string& name, std::string_view value) {
  base::fault_point("set attribute");
  if (::fsetxattr(file, name.c_str(), value.data(), value.size(), 0) != 0) {
    if (errno == EOPNOTSUPP || errno == EPERM) return false;
    base::throw_errno("setting the attribute", name);
  }
  base::fault_point("set attribute done");
  return true;
}

}  // namespace unionroot::kernel
