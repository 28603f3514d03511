// Room that the database has in advance, so that a full disk does not keep sessions from being ended: that is what
// makes room.
#pragma once

#include "store/sqlite.h"

namespace unionroot::store {

// Copy-on-write file systems (btrfs) need room for every write, one to a page that is mapped included: the kernel
// answers that with SIGBUS. Makes `file`, which is not there yet, one that is written in place. Where there is no such
// thing, an ordinary file.
void create_in_place(const std::string& file);

// The log has its blocks already, and keeps them over a restart of the daemon; the file has free pages for what is
// written back from the log, which then begins anew. Where the file system cannot do that, or is full already, nothing
// is lost: the next start tries again. Of a database that was just opened.
void reserve_room(Database& database);

// The same once sessions have taken such pages. Asks the database, so not each time.
void reserve_pages_again(Database& database);

// Writes what is in the log into the file, and empties the log, unless the disk is almost full; it has its blocks
// again. A reader elsewhere (somebody's sqlite3 shell) holds it back: that is no error, and nobody waits for it. Throws
// DatabaseError.
void empty_log(Database& database);

}  // namespace unionroot::store
