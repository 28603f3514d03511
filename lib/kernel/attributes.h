// Extended attributes by descriptor, xattr(7).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::kernel {

// Returns nullopt if there is no such attribute, or if the file system has no attributes. Throws SystemError. A value
// longer than 4096 bytes is an error, because we never write one.
std::optional<std::string> read_attribute(int file, const std::string& name);

// False if the file system does not support such attributes, or if we may not set them. Throws SystemError.
bool set_attribute(int file, const std::string& name, std::string_view value);

// Removes the ACLs that a folder inherited from the default ACL of its parent (acl(5)). True if the folder had a
// default ACL.
bool drop_inherited_acl(int folder);

// Copies those attributes of a folder, including ACLs, for which `is_wanted` returns true. Attributes that the target's
// file system does not accept are left out. `from` may be an O_PATH descriptor.
void copy_attributes(int from, int to, const std::function<bool(std::string_view)>& is_wanted);

}  // namespace unionroot::kernel
