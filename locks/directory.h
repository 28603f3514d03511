// Private to locks: the lock directory and what is done to single files in it. Everything that changes a file is
// called under the key's manage lock.
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
  // Made if missing. Refused if anybody but root and the caller could write to it.
  explicit Directory(std::string path);

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string full(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::string path_;
  base::UniqueFd descriptor_;
};

struct Inode {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const Inode&) const = default;
};

// What lies behind a name at this instant; nullopt if nothing does.
std::optional<Inode> inode_of(const Directory& directory, const std::string& name);
Inode inode_of(int descriptor);

// A lock file as it was found.
struct Entry {
  FileName name;
  std::string file;  // its name in the directory
  LockInfo info;
  bool locked = false;  // a living process holds its kernel lock
  bool broken = false;  // its content cannot be read
};

// nullopt if it is gone. Removes nothing.
std::optional<Entry> probe(const Directory& directory, const FileName& name);
std::vector<Entry> probe_all(const Directory& directory, const std::string& key);

// Removes a stale entry, or sets a broken one aside, and returns true; else false.
bool remove_if_stale(const Directory& directory, const Entry& entry);
void remove_file(const Directory& directory, const std::string& name);
void set_aside(const Directory& directory, const std::string& name);

// probe_all, less the stale ones, which it removes.
std::vector<Entry> sweep(const Directory& directory, const std::string& key);

enum class Creation { unnamed, named };  // named: for file systems without O_TMPFILE

// A new lock file, complete and locked before it has its name. waiting: its second byte is locked as well.
// nullopt if the name is taken.
std::optional<base::UniqueFd> create_locked(const Directory& directory, const FileName& name, const LockOwner& owner,
                                            bool waiting, Creation how = Creation::unnamed);

// Locks a file that nobody has locked, and writes `process` in the place of the process that `entry` names; the caller
// holds the manage lock. Costs a fraction of a new file in its place. The new lines are as long as the old ones and
// within the file's first sector, so that a power cut leaves either; for a moment, a reader without the manage lock may
// see some of both. nullopt if it cannot be done so: the file is of a former version, a stranger has a read lock on it,
// or the disk will not take it.
std::optional<base::UniqueFd> lock_again(const Directory& directory, const Entry& entry,
                                         const base::ProcessIdentity& process);

// The waiter holds the lock from here on.
void end_waiting(int descriptor);

// On disk, name and content, whatever happens to the machine.
void make_durable(const Directory& directory, int descriptor);

// Sends the content to the disk without waiting: a name that is given to the file next must not lead, after a power
// cut, to a file whose content never got there. ext4 and btrfs see to that by themselves when one file replaces another
// (ext4(5): auto_da_alloc); XFS does not, and there this leaves a few milliseconds.
void write_ahead(int descriptor);

}  // namespace unionroot::locks::detail
