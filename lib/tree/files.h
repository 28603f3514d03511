// The files that a session gets from the host: name service databases, copied files, resolv.conf, hostname,
// debian_chroot. For a session with a union they are written into its upper layer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "definition/definition.h"
#include "tree/host_files.h"
#include "tree/user.h"
#include "tree/written_file.h"

namespace unionroot::tree {

struct FilesRequest {
  definition::NssMode nss = definition::NssMode::merge;
  std::vector<std::string> databases;  // the profile's nssdatabases: passwd, group, services ...
  std::vector<definition::CopiedFile> copyfiles;
  bool require_copyfiles = false;  // a file that the host lacks is an error, not a note
  bool follow_resolv_conf = true;
  bool mark_resolv_conf = false;  // lets follow_resolv_conf detect that somebody changed the file
  bool write_hostname = true;
  std::string hostname;      // empty: the host's
  std::string chroot_name;   // written to etc/debian_chroot; empty: not written
  std::optional<User> user;  // always present inside when nss is merge or copy
  bool own_tree = true;      // the tree belongs to the session; else nothing in it is removed
  bool lock = true;          // with own_tree: passwords inside are locked, except the user's (merge.h)
  bool all_groups = false;   // without own_tree: the user's groups are added too
  bool in_use = false;       // others may change the accounts at the same time; their later changes are kept
  bool password = false;     // with own_tree: the user's hash is copied; no other hash ever is
  std::string host_root;     // prefix of the host's files: empty for the real root; tests set another
  // Name of a file while it is being written (kernel::write_in_tree). For trees that others use too:
  // remove_half_written finds the file by this name after a crash. One writer at a time may use a name. Empty: a unique
  // name.
  std::string temporary;
  std::optional<std::vector<std::string>> only;  // a subset of file_paths(); all other files stay as they are
  std::function<void()> before_writing;          // called after the accounts were read; may be empty
  std::function<bool()> cancelled;               // polled while the name service lists its accounts; may be empty
};

// Builds the request for a session that `owner` begins on the definition.
FilesRequest files_request(const definition::Definition& definition, std::optional<User> owner);

// Writes the files into the tree at `root`, a descriptor of its root folder. Call it in the host's mount namespace. A
// file that would not change is not written. Returns notes for the log and for `info`: conflicts, and what was skipped
// and why.
//
// Idempotent: after a crash, a second call writes what is missing. Thread-safe. It never leaves the mount of `root`: a
// file behind an inner mount (such as a bind of a host folder) is skipped with a note, even if a symlink leads there.
//
// Throws SystemError if a file in the tree cannot be written (full disk, a folder in its place). A fault of a single
// host or tree file is a note, and that file is left alone. Throws Error(cancelled) with nss=copy, Error(stage_failed)
// for copyfiles.
std::vector<std::string> write_files(int root, const FilesRequest& request);

struct UserAdded {
  bool is_locked = false;          // somebody else is changing the accounts (lckpwdf(3)): nothing was done
  std::vector<std::string> notes;  // what was not added, and why
  std::vector<WrittenFile> written;
};

// Adds a user and its groups to the accounts of a tree in use, if they are missing. Removes nothing. Takes the lock of
// lckpwdf(3), but never waits for it: users of the tree hold it too.
//
// Somebody may write without that lock. If a file has changed since it was read, that file and the following ones are
// left alone. before_writing: called after everything was read. Throws as write_files does. temporary: as in
// FilesRequest.
UserAdded add_user(int root, const User& user, const std::string& temporary,
                   const std::function<void()>& before_writing);

// Removes the temporary file that an interrupted write_files left. Idempotent.
void remove_half_written(int root, const FilesRequest& request);

// Updates the tree's resolv.conf for a long-lived session. Acts if the host's file is no longer of version `seen`.
// Writes only if the tree's file is unchanged since write_files (with mark_resolv_conf) or this function wrote it. A
// file that somebody in the session changed or replaced is kept. Returns true if it was written. Throws as write_files
// does. temporary: as in FilesRequest. The first call, with an empty `seen`, removes the temporary file of a daemon
// that died.
bool follow_resolv_conf(int root, const std::string& host_root, FileVersion& seen, const std::string& temporary = {});

// Describes the request and the versions of all host and tree files that write_files looks at. Two equal results mean:
// write_files would write the same files and the same notes into an overlay on the tree at `root`. Costs one stat(2)
// per file. Returns nullopt if a file changed so recently that its times prove nothing, or if the accounts come from a
// name service.
std::optional<std::string> files_version(int root, const FilesRequest& request);

// The paths that write_files looks at, relative to the tree's root.
std::vector<std::string> file_paths(const FilesRequest& request);

}  // namespace unionroot::tree
