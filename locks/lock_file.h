// Private to locks: parses and formats names and contents of lock files. docs/locks.md describes the format.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "locks/source_lock.h"

namespace unionroot::locks::detail {

// <key>.source.<holder> or <key>.session.<session>. With +<token> it is the second lock file of a session: it stands
// for commands that outlived the daemon that started them.
struct FileName {
  std::string key;
  LockKind kind = LockKind::session;
  std::string holder;
  std::string token;  // set for a second lock file
};

// Returns nullopt if this is not the name of a lock file.
std::optional<FileName> parse_file_name(std::string_view name);
std::string file_name(const FileName& name);
std::string manage_name(std::string_view key);

// The key in <key>.manage, or in .new-<key>-<token>, a temporary file that a crash left.
std::optional<std::string> key_of_manage(std::string_view name);
std::optional<std::string> key_of_temporary(std::string_view name);
std::string temporary_name(std::string_view key);

// A key is part of a file name. It may have the digits 0-9, a-f and '-'. Throws Error(invalid_argument).
void require_valid_key(std::string_view key);

// file_system: f_fsid. If it is 0, the file system has no id and the device number is used.
std::string format_tree_key(std::uint64_t file_system, std::uint64_t device, std::uint64_t inode);

// The first lines of a lock file, which name the owner's process. They have the same size for every process, so that
// they can be overwritten. (Only a boot id longer than any of the kernel's would break this.)
std::string format_process(const base::ProcessIdentity& process);

// One key=value per line. Values are escaped: each stays on its line and is safe on a terminal.
std::string format_owner(const LockOwner& owner);
// Returns nullopt if anything is missing or malformed, including the last line. So a truncated file is never used in
// part.
std::optional<LockOwner> parse_owner(std::string_view text);

}  // namespace unionroot::locks::detail
