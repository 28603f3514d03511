// Trees that were unpacked once and are shared by all sessions on them, as read-only lower layers.
//
// <state>/cache/<key>/tree       the tree; complete if it has this name
//                     users/<session>   a session stands on it: "INDEX COUNT TOKEN"
//                     origin     what it was made of
//               <key>.lock       held while an entry is made (alone) or taken into use (shared)
//               .unionroot-TOKEN   an entry that is being made, or what a crash left of one
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

// "file-..." : which file, and which content, as far as can be told without reading it: file system, inode, size, and
// the times of its last change to the nanosecond.
std::string identity_of(int file);

struct CacheRequest {
  std::string key;
  std::string origin;  // the file that it is made of
  owned::Token session;
  bool durable = false;  // that the session stands on it is on the disk when `take` returns
  unsigned index = 0;    // of the session's layers, top first
  unsigned count = 1;
  std::function<bool()> cancelled;  // may be empty
  // Called now and then while another session makes it, with the bytes of that, or zeros; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> waits;
  std::function<void(int tree)> make;  // fills the empty folder
};

// Without state of its own: what there is, is on the disk.
class TreeCache {
 public:
  explicit TreeCache(Services& services);

  // The path of the tree, made by this or by another session if it was not there; from now on it stays until `release`.
  // Two at once make it once. If `make` throws, nothing stays, and whoever waits makes it.
  std::string take(const CacheRequest& request);

  // For a session that stood on the trees of these keys, top first, as its journal says: it stands on them again,
  // whatever became of its files in `users`. Their paths; nothing, and nothing is changed, if one of them is not there.
  std::optional<std::vector<std::string>> take_again(const std::vector<std::string>& keys, const owned::Token& session,
                                                     bool durable);

  // The keys of the trees that the session stands on by its files in `users`, top first; empty unless all are there.
  // For sessions of former versions, whose journal has no keys.
  [[nodiscard]] std::vector<std::string> keys_in_use(const std::string& session) const;

  // The session stands on none any more. Trees that nobody stands on and whose origin has changed go. Idempotent.
  void release(const owned::Token& session);

  struct Unused {
    std::string path;    // of the entry
    std::string origin;  // empty: not known
  };
  // The trees on which no session stands.
  [[nodiscard]] std::vector<Unused> unused() const;
  // One of them, by its path. Throws Error(session_busy) if a session has taken it into use, or does so.
  void remove_unused(const std::string& path);
  // Those whose origin `wanted` does not name.
  void remove_unwanted(const std::function<bool(const std::string& origin)>& wanted);

  // At the daemon's start: what crashes left goes.
  void clean(const std::function<bool(const std::string& session)>& lives);

 private:
  struct User {
    unsigned index = 0;
    unsigned count = 1;
    std::optional<owned::Token> token;  // a former version wrote none
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
  // The entry, if nobody stands on it and it is this daemon's; for who has it locked alone.
  [[nodiscard]] std::optional<base::UniqueFd> open_unused(const std::string& key) const;
  void remove_if(const std::string& key, const std::function<bool(int entry)>& condition, std::string_view why);
  void remove_if_outdated(const std::string& key);
  [[nodiscard]] bool outdated(int entry, const std::string& key) const;

  Services& services_;
  std::string path_;
  base::UniqueFd folder_;
};

}  // namespace unionroot::session
