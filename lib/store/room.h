// Disk space that the database reserves in advance: on a full disk it must still be possible to end sessions, since
// that frees space.
#pragma once

#include <cstdint>
#include <string>

#include "store/sqlite.h"

namespace unionroot::store {

// Whether the file system of the file has so many bytes free for everybody. False if that cannot be told.
bool has_space(const std::string& file, std::uint64_t least);

// True on btrfs, ZFS and bcachefs. There a write to a mapped page needs a new block even where the file has some, and a
// full disk answers it with SIGBUS (btrfs before Linux 6.16). Throws SystemError.
bool is_copy_on_write(const std::string& folder);

// On a copy-on-write file system (btrfs) a write needs new blocks even where the file has some. Makes `file`, which
// must not exist yet, one that is written in place. Where the file system has no such thing it is an ordinary file.
void create_in_place(const std::string& file);

// Gives the log and its index their blocks in advance; the log keeps them over a restart of the daemon. Gives the
// database free pages, so that the log can be written back and begin anew. Where the file system refuses, or is full
// already, nothing is lost: the next start tries again. Call it for a database that was just opened.
void reserve_room(Database& database);

// Makes free pages again where sessions have taken them. It asks the database, so do not call it each time.
void reserve_pages_again(Database& database);

// Writes the log back into the file and empties it. If the disk is almost full, the log keeps its blocks; otherwise it
// gets them again. A reader in another process may hold it back: that is no error, and nobody waits. Throws
// DatabaseError.
void empty_log(Database& database);

}  // namespace unionroot::store
