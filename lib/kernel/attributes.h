// Extended attributes by descriptor, xattr(7).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::kernel {

// nullopt: there is none, or the file system has no attributes. Throws SystemError; a value longer than 4096 bytes is
// one that we did not write, and an error.
std::optional<std::string> read_attribute(int file, const std::string& name);

// False: the file system has no attributes of that kind, or we may not set them. Throws SystemError.
bool set_attribute(int file, const std::string& name, std::string_view value);

// What a folder got from the default ACL of the one above (acl(5)) goes. True if it had such an ACL.
bool drop_inherited_acl(int folder);

// The attributes of a folder, ACLs among them, that `is_wanted` names. What the target's file system does not take is
// left out. `from` may be a descriptor by O_PATH.
void copy_attributes(int from, int to, const std::function<bool(std::string_view)>& is_wanted);

}  // namespace unionroot::kernel
