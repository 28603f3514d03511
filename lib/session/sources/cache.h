// Trees that are unpacked once. All sessions on them share them as read-only lower layers.
//
// <state>/cache/<key>/tree       the tree; an entry with the name <key> is complete
//                     users/<session>   this session uses the tree: "INDEX COUNT TOKEN"
//                     origin     the path of the file that it was made of
//               <key>.lock       locked while an entry is made (exclusively) or taken into use (shared)
//               .unionroot-TOKEN   an entry that is being made, or a leftover of a crash
// An entry has the mark of the session that made it (owned/mark.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.h"
#include "base/unique_fd.h"
#include "owned/token.h"
#include "session/services.h"

namespace unionroot::session {

// "file-...": identifies a file and its content without reading it, by file system, inode, size, and the times of the
// last changes in nanoseconds.
std::string identity_of(int file);

struct CacheRequest {
  std::string key;
  std::string origin;  // the path of the file that the tree is made of
  owned::Token session;
  bool durable = false;  // the session's use of the tree is on the disk when `take` returns
  unsigned index = 0;    // position among the session's layers; 0 is the top
  unsigned count = 1;
  std::function<bool()> cancelled;  // may be empty
  // Called now and then while another session makes the tree, with that session's progress in bytes, or with zeros. May
  // be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> waits;
  std::function<void(int tree)> make;  // writes the tree into an empty folder
};

// Has no state of its own: everything is on the disk.
class TreeCache {
 public:
  explicit TreeCache(Services& services);

  // Returns the path of the tree. If it does not exist, this or another session makes it. It stays until `release`. Two
  // calls at once make it once. If `make` throws, nothing stays, and a session that waits makes the tree.
  std::string take(const CacheRequest& request);

  // For a session that used the trees of these keys, top first, by its journal: it uses them again, even if its files
  // in `users` are lost. Returns their paths; nullopt if a tree is missing. That is checked before anything is changed.
  std::optional<std::vector<std::string>> take_again(const std::vector<std::string>& keys, const owned::Token& session,
                                                     bool durable);

  // The keys of the trees that the session uses by its files in `users`, top first; empty unless all are there. For
  // sessions of former versions, whose journal has no keys.
  [[nodiscard]] std::vector<std::string> keys_in_use(const std::string& session) const;

  // Ends the session's use of all trees. Removes trees that no session uses and whose origin has changed. Idempotent.
  void release(const owned::Token& session);

  struct Unused {
    std::string path;    // of the entry
    std::string origin;  // empty: not known
  };
  // The trees that no session uses.
  [[nodiscard]] std::vector<Unused> unused() const;
  // Removes an unused tree by its path. Throws Error(session_busy) if a session uses it, or is taking it into use.
  void remove_unused(const std::string& path);
  // Removes the unused trees whose origin is not `wanted`.
  void remove_unwanted(const std::function<bool(const std::string& origin)>& wanted);

  // Called at the daemon's start. Removes what crashes left. lives: whether the session exists.
  void clean(const std::function<bool(const std::string& session)>& lives);

 private:
  struct User {
    unsigned index = 0;
    unsigned count = 1;
    std::optional<owned::Token> token;  // nullopt: written by a former version
  };
  [[nodiscard]] static std::optional<User> parse_user(const std::string& text);
  [[nodiscard]] bool is_anothers(int users, const std::string& session) const;
  [[nodiscard]] std::vector<std::string> keys() const;
  [[nodiscard]] std::optional<base::UniqueFd> try_lock(const std::string& key, base::LockType type) const;
  [[nodiscard]] base::UniqueFd lock(const CacheRequest& request, base::LockType type) const;
  [[nodiscard]] bool take_one_again(const std::string& key, const User& user, bool durable);
  void make(const CacheRequest& request);
  void remove_lock(const std::string& key) const noexcept;
  void use(const std::string& key, const User& user, bool durable);
  // Opens the entry if no session uses it and no other daemon made it. The answer stays true only while the caller
  // holds the exclusive lock.
  [[nodiscard]] std::optional<base::UniqueFd> open_unused(const std::string& key) const;
  void remove_if(const std::string& key, const std::function<bool(int entry)>& condition, std::string_view why);
  void remove_if_outdated(const std::string& key);
  [[nodiscard]] bool outdated(int entry, const std::string& key) const;

  Services& services_;
  std::string path_;
  base::UniqueFd folder_;
};

}  // namespace unionroot::session
