// Extended attributes by descriptor, xattr(7).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unionroot::kernel {

// nullopt: there is none, or the file system has no attributes. Throws SystemError; a value longer than 4096 bytes is
// one that we did not write, and an error.
std::optional<std::string> read_attribute(int file, const std::string& name);

// False: the file system has no attributes of that kind, or we may not set them. Throws SystemError.
bool set_attribute(int file, const std::string& name, std::string_view value);

}  // namespace unionroot::kernel
