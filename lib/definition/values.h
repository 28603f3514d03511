// Parses and checks the values of keys. Nothing on disk is looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "definition/definition.h"

namespace unionroot::definition {

// true yes 1 / false no 0. Returns nullopt for anything else.
std::optional<bool> parse_boolean(std::string_view text);

// "4096", "512K", "10G", "1T". Returns nullopt if the text is malformed, zero or over 2^63-1.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// As parse_bytes, or "50%".
std::optional<Size> parse_size(std::string_view text);

// Returns what is wrong with an absolute path without "..", such as "is not an absolute path". Empty if the path is
// valid. "//" is allowed.
std::string path_fault(std::string_view path);

// Returns what is wrong with a value of working-directory. Empty if it is valid.
std::string working_directory_fault(std::string_view value);

// As path_fault, for a path on the host. ".." is allowed: root wrote the path, and the kernel resolves it.
std::string host_path_fault(std::string_view path);

// Returns an absolute path unchanged, and a relative one below the working directory. The working directory is read
// only for a relative path.
std::string absolute_path(const std::string& path);

bool valid_host_name(std::string_view name);

// A key of user data with dots: ^([a-z][a-z0-9]*\.)+[a-z][a-z0-9-]*$
bool valid_user_data_key(std::string_view key);

// True for a key with a prefix that only unionroot sets.
bool reserved_user_data_key(std::string_view key);

// The folder part of a path: "/a/b" -> "/a", "/a" -> "/", "a" -> ".".
std::string folder_of(const std::string& path);

// The parts of an absolute path, from its text only: "/a/./b/../c" -> a, c.
std::vector<std::string> path_parts(std::string_view path);

// "/a/b" and "/a" both lie under "/a". Compares only the text.
bool lies_under(std::string_view path, std::string_view folder);

}  // namespace unionroot::definition
