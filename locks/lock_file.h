// Private to locks: the name and the content of a lock file, as plain values. docs/locks.md has the format.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "locks/source_lock.h"

namespace unionroot::locks::detail {

// <key>.source.<holder>, <key>.session.<session>, and each with +<token>: a second lock file of a session, which stands
// for commands that outlived the daemon that started them.
struct FileName {
  std::string key;
  LockKind kind = LockKind::session;
  std::string holder;
  std::string token;  // not empty: such a second file
};

// nullopt for anything else that may lie in the directory.
std::optional<FileName> parse_file_name(std::string_view name);
std::string file_name(const FileName& name);
std::string manage_name(std::string_view key);

// The key of a <key>.manage file, or of a left-over .new-<key>-<token>.
std::optional<std::string> key_of_manage(std::string_view name);
std::optional<std::string> key_of_temporary(std::string_view name);
std::string temporary_name(std::string_view key);

// Lower-case hexadecimal digits, '-' and 'f'; throws Error(invalid_argument). A key becomes part of a file name.
void require_valid_key(std::string_view key);

// file_system: f_fsid, 0 if the file system has none; then the device number stands in.
std::string format_tree_key(std::uint64_t file_system, std::uint64_t device, std::uint64_t inode);

// The first lines of a lock file: which process it belongs to. Of the same size for every process (but for one with a
// boot id longer than any kernel's), so that they can be written over.
std::string format_process(const base::ProcessIdentity& process);

// One key=value a line, values escaped so that each stays on its line and a terminal can show it.
std::string format_owner(const LockOwner& owner);
// nullopt if anything is missing or malformed, the last line included: a cut file is not half believed.
std::optional<LockOwner> parse_owner(std::string_view text);

}  // namespace unionroot::locks::detail
