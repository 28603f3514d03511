// Private to locks: the lock directory, and operations on single files in it. Operations that change a file need the
// manage lock of its key.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "locks/lock_file.h"
#include "locks/source_lock.h"

namespace unionroot::locks::detail {

class Directory {
 public:
  // Creates the directory if it is missing. Throws if anybody but root and the caller can write to it.
  explicit Directory(std::string path);

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string full(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::string path_;
  base::UniqueFd descriptor_;
};

// The names in an open folder, with "." and "..". path: for messages. Throws SystemError.
std::vector<std::string> names_in(int folder, const std::string& path);

struct Inode {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const Inode&) const = default;
};

// Identifies the file that has this name now. nullopt if there is none.
std::optional<Inode> inode_of(const Directory& directory, const std::string& name);
Inode inode_of(int descriptor);

// A lock file and its state when it was examined.
struct Entry {
  FileName name;
  std::string file;  // its name in the directory
  LockInfo info;
  bool locked = false;  // some process holds the kernel lock
  bool broken = false;  // its content is unreadable
};

// Returns nullopt if the file does not exist. Removes nothing.
std::optional<Entry> probe(const Directory& directory, const FileName& name);
std::vector<Entry> probe_all(const Directory& directory, const std::string& key);

// Removes a stale file, or sets a broken one aside. Returns true if it did.
bool remove_if_stale(const Directory& directory, const Entry& entry);
void remove_file(const Directory& directory, const std::string& name);
void set_aside(const Directory& directory, const std::string& name);

// As probe_all, but removes stale files and leaves them out.
std::vector<Entry> sweep(const Directory& directory, const std::string& key);

enum class Creation { unnamed, named };  // named: for file systems without O_TMPFILE

// Creates a lock file that is complete and locked before it gets its name. waiting: locks the second byte as well.
// Returns nullopt if the name is taken.
std::optional<base::UniqueFd> create_locked(const Directory& directory, const FileName& name, const LockOwner& owner,
                                            bool waiting, Creation how = Creation::unnamed);

// Locks an existing file that is not locked, and overwrites the process in it with `process`. The caller holds the
// manage lock. This is much cheaper than creating a new file.
//
// The new lines are as long as the old ones and lie in the file's first sector, so a power cut leaves one or the other.
// A reader without the manage lock may briefly see a mixture. Returns nullopt if this is impossible: the file was
// written by a former version, somebody has a read lock on it, or the write fails.
std::optional<base::UniqueFd> lock_again(const Directory& directory, const Entry& entry,
                                         const base::ProcessIdentity& process);

// Turns a waiting owner into a holder: unlocks the second byte.
void end_waiting(int descriptor);

// Syncs the content and the name to the disk.
void make_durable(const Directory& directory, int descriptor);

// Starts writing the content to the disk, without waiting for it. Call it before the file gets the name of another one.
// Otherwise a power cut could leave the name with an empty file. ext4 and btrfs prevent that when one file replaces
// another (ext4(5): auto_da_alloc). XFS does not; there a window of a few milliseconds remains.
void write_ahead(int descriptor);

}  // namespace unionroot::locks::detail
