#include "kernel/attributes.h"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"

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

bool drop_inherited_acl(int folder) {
  base::fault_point("remove attribute");
  const auto is_gone = [] { return errno == ENODATA || errno == EOPNOTSUPP; };
  if (::fremovexattr(folder, "system.posix_acl_default") != 0) {
    if (is_gone()) return false;
    base::throw_errno("removing the default ACL of a folder");
  }
  if (::fremovexattr(folder, "system.posix_acl_access") != 0 && !is_gone())
    base::throw_errno("removing the ACL of a folder");
  base::fault_point("remove attribute done");
  return true;
}

void copy_attributes(int from, int to, const std::function<bool(std::string_view)>& is_wanted) {
  const auto source = base::concat("/proc/self/fd/", from);
  const auto read = [](std::string& value, auto call) {
    ssize_t size = call(nullptr, 0);
    while (size > 0) {
      value.resize(static_cast<std::size_t>(size));
      const auto got = call(value.data(), value.size());
      if (got >= 0 || errno != ERANGE) {
        size = got;
        break;
      }
      size = call(nullptr, 0);  // the value has grown meanwhile
    }
    if (size < 0 && errno != ENODATA && errno != EOPNOTSUPP) base::throw_errno("reading the attributes of a folder");
    value.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return size >= 0;
  };
  std::string names;
  if (!read(names, [&](char* room, std::size_t size) { return ::listxattr(source.c_str(), room, size); })) return;
  for (const auto& name : base::split(names, '\0')) {
    std::string value;
    if (is_wanted(name) &&
        read(value, [&](char* room, std::size_t size) { return ::getxattr(source.c_str(), name.c_str(), room, size); }))
      set_attribute(to, name, value);
  }
}

}  // namespace unionroot::kernel
