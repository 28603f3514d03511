// The values of keys, as plain values: nothing on disk is looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "definition/definition.h"

namespace unionroot::definition {

// true yes 1 / false no 0; nullopt for anything else.
std::optional<bool> parse_boolean(std::string_view text);

// "4096", "512K", "10G", "1T"; nullopt if malformed, zero or over 2^63-1.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// The same, or "50%".
std::optional<Size> parse_size(std::string_view text);

// What is wrong with an absolute path without ".." ("//" is tolerated): "is not an absolute path" and the like; empty
// if nothing is.
std::string path_fault(std::string_view path);

// What is wrong with a value of working-directory; empty: nothing.
std::string working_directory_fault(std::string_view value);

// The same for a path on the host, which may have "..": as root wrote it, the kernel resolves it.
std::string host_path_fault(std::string_view path);

// The path itself if it is absolute; else below the working directory. That need not be there for an absolute one.
std::string absolute_path(const std::string& path);

bool valid_host_name(std::string_view name);

// A dotted key of user data: ^([a-z][a-z0-9]*\.)+[a-z][a-z0-9-]*$
bool valid_user_data_key(std::string_view key);

// Keys under these prefixes are set by the session manager alone.
bool reserved_user_data_key(std::string_view key);

// The folder part of a path: "/a/b" -> "/a", "/a" -> "/", "a" -> ".".
std::string folder_of(const std::string& path);

// The parts of an absolute path, by its text alone: "/a/./b/../c" -> a, c.
std::vector<std::string> path_parts(std::string_view path);

// "/a/b" lies under "/a", and so does "/a". Compares names only.
bool lies_under(std::string_view path, std::string_view folder);

}  // namespace unionroot::definition
