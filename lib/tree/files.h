// The files that a session gets from the host: name service databases, copied files, resolv.conf, hostname,
// debian_chroot. Everything is written into the session's own upper layer.
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
  std::vector<std::string> databases;  // profile's nssdatabases: passwd, group, services ...
  std::vector<definition::CopiedFile> copyfiles;
  bool require_copyfiles = false;  // one that the host does not have is an error, and no note
  bool follow_resolv_conf = true;
  bool mark_resolv_conf = false;  // so that follow_resolv_conf can tell it from one that somebody changed
  bool write_hostname = true;
  std::string hostname;      // empty: the host's
  std::string chroot_name;   // written to etc/debian_chroot; empty: not written
  std::optional<User> user;  // always present inside when nss is merge or copy
  bool own_tree = true;      // what is written goes with the session; else nothing of the tree's is taken away
  bool lock = true;          // with own_tree: no password inside is one, but the user's. See merge.h
  bool all_groups = false;   // without own_tree: the user's groups come as well
  bool in_use = false;       // others write to the accounts meanwhile: what they have changed since it was read stays
  bool password = false;     // with own_tree: the user's hash is copied; no other ever is
  std::string host_root;     // where the host's files are: empty is the real root; tests set another
  // A file's name until it is whole, where others stand on the tree, too: so that remove_half_written finds it after a
  // crash. Of one writer at a time. Empty: any.
  std::string temporary;
  std::optional<std::vector<std::string>> only;  // of file_paths(); all others stay as they are
  std::function<void()> before_writing;          // called when the accounts have been read; may be empty
  std::function<bool()> cancelled;               // asked while the name service lists its accounts; may be empty
};

// What a definition asks for, for a session on it that `owner` begins.
FilesRequest files_request(const definition::Definition& definition, std::optional<User> owner);

// Called in the host's mount namespace. Writes them into the tree at `root` (a descriptor of its root folder). A file
// that would not change is not written. Returns notes for the log and `info`: conflicts, and what was skipped and why.
// Idempotent: done again after a crash, it finishes what is missing. Never leaves the mount that `root` is in: what
// lies behind an inner mount (a bind of the host's folder) is skipped with a note, wherever symlinks in the tree point.
// Thread-safe. Throws SystemError when a file in the tree cannot be written (a full disk, a folder in its place); what
// is wrong with one file of the host or the tree is a note, and leaves that file alone. With nss=copy Error(cancelled);
// with require_copyfiles Error(stage_failed).
std::vector<std::string> write_files(int root, const FilesRequest& request);

struct UserAdded {
  bool is_locked = false;          // somebody changes the accounts just now (lckpwdf(3)): nothing was done
  std::vector<std::string> notes;  // what was not added, and why
  std::vector<WrittenFile> written;
};

// A user and its groups, whom the accounts of a tree that is in use lack: they are added, and nothing is taken away.
// Under the lock of lckpwdf(3), which is not waited for: it is the users' of the tree. Who writes without it, and
// before this renames a file of its own over the other's, is noticed, and that file and those after it are left alone.
// before_writing: called when everything has been read; files that were changed later are not replaced. Throws as
// write_files does. temporary: as in FilesRequest.
UserAdded add_user(int root, const User& user, const std::string& temporary,
                   const std::function<void()>& before_writing);

// What write_files leaves of a file in the tree if it is cut off by a crash. Idempotent.
void remove_half_written(int root, const FilesRequest& request);

// For sessions that live long: if the host's resolv.conf is not of the version `seen` any more, and the tree's is as
// write_files (with mark_resolv_conf) or this function left it, the tree's becomes the host's. What somebody in the
// session has changed or replaced stays. True if it was written. Throws as write_files does. temporary: as in
// FilesRequest; what a daemon that died left of it goes the first time, when `seen` is none yet.
bool follow_resolv_conf(int root, const std::string& host_root, FileVersion& seen, const std::string& temporary = {});

// Two calls with the same answer mean that write_files would write the same, and note the same, into an overlay over
// the tree at `root`: the request, and which versions of the host's files and the tree's there are. Costs a stat(2) a
// file. nullopt if one of them has just changed, so that its times do not tell.
std::optional<std::string> files_version(int root, const FilesRequest& request);

// What write_files looks at, relative to the tree's root.
std::vector<std::string> file_paths(const FilesRequest& request);

}  // namespace unionroot::tree
