// Disk space that the database reserves in advance. Ending a session frees space, so it must work on a full disk too.
#pragma once

#include <cstdint>
#include <string>

#include "store/sqlite.h"

namespace unionroot::store {

// True if the file system of `file` has at least this many bytes free for unprivileged users. False if that is unknown.
bool has_space(const std::string& file, std::uint64_t least);

// True on btrfs, ZFS and bcachefs. There a write to a mapped page needs a new block even if the file has one. On a full
// disk such a write raises SIGBUS (btrfs before Linux 6.16). Throws SystemError.
bool is_copy_on_write(const std::string& folder);

// Creates a file that is written in place. `file` must not exist. On a copy-on-write file system (btrfs) this avoids
// new blocks for each write. File systems without that feature get an ordinary file.
void create_in_place(const std::string& file);

// Allocates blocks for the log and its index, and free pages in the database, so that the log can be written back. The
// log keeps its blocks over a restart of the daemon. If the file system refuses or is full, nothing is lost, and the
// next start tries again. Call it right after the database was opened.
void reserve_room(Database& database);

// Makes free pages again after sessions have used them. It queries the database, so do not call it for each session.
void reserve_pages_again(Database& database);

// Writes the log back into the file and empties it, then reserves blocks for it again. If the disk is almost full, the
// log is not emptied and keeps its blocks. A reader in another process may prevent this; the call neither waits nor
// fails. Throws DatabaseError.
void empty_log(Database& database);

}  // namespace unionroot::store
