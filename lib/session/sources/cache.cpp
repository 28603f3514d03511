#include "session/sources/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "locks/source_lock.h"
#include "owned/mark.h"
#include "owned/place.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr std::string_view former_temporary = "tmp-";
constexpr std::string_view lock_ending = ".lock";

// nullopt: it does not exist.
std::optional<UniqueFd> try_open(int folder, const std::string& name) {
  UniqueFd opened(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened) return opened;
  if (errno != ENOENT) base::throw_errno("opening the cached tree", name);
  return std::nullopt;
}

std::optional<std::string> read_at(int folder, const std::string& name) {
  const UniqueFd file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file) return base::read_all(file.get(), name);
  if (errno != ENOENT) base::throw_errno("opening", name);
  return std::nullopt;
}

}  // namespace

std::string identity_of(int file) {
  struct stat facts {};
  base::check(::fstat(file, &facts), "looking at the file");
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return concat("file-", locks::tree_key(file), '-', facts.st_size, '-', nanoseconds(facts.st_mtim), '-',
                nanoseconds(facts.st_ctim));
}

TreeCache::TreeCache(Services& services) : services_(services), path_(services.settings.state_directory + "/cache") {
  // Trees contain set-id programs and device nodes, so only root may enter.
  folder_ = owned::ensure_place("the cache", path_, 0700);
}

std::vector<std::string> TreeCache::keys() const {
  std::vector<std::string> keys;
  for (auto& name : kernel::list_directory(folder_.get()))
    if (!name.starts_with('.') && !name.starts_with(former_temporary) && !name.ends_with(lock_ending))
      keys.push_back(std::move(name));
  return keys;
}

std::optional<UniqueFd> TreeCache::try_lock(const std::string& key, base::LockType type) const {
  const auto name = concat(key, lock_ending);
  for (;;) {
    base::fault_point("create");
    UniqueFd file(base::check(::openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600),
                              "opening the lock", name));
    base::fault_point("create done");
    if (!base::try_lock(file.get(), type, name)) return std::nullopt;
    // The process that removes an entry also removes its lock file. Then this lock protects nothing, and a new file is
    // opened.
    struct stat held {
    }, named{};
    base::check(::fstat(file.get(), &held), "looking at the lock", name);
    if (::fstatat(folder_.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 && held.st_ino == named.st_ino)
      return file;
  }
}

UniqueFd TreeCache::lock(const CacheRequest& request, base::LockType type) const {
  using namespace std::chrono_literals;
  constexpr std::chrono::milliseconds longest = 50ms;
  std::chrono::milliseconds pause = 1ms;
  for (;;) {
    if (auto held = try_lock(request.key, type)) return std::move(*held);
    if (request.cancelled && request.cancelled())
      throw Error(ErrorCode::cancelled, concat("waiting until ", request.origin, " is unpacked was cancelled"));
    // Taking a complete tree into use holds the lock only briefly. A longer wait means that another session unpacks the
    // tree.
    if (request.waits && pause == longest) {
      const auto bytes = services_.unpackings.find(request.key);
      request.waits(bytes.done, bytes.total);
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, longest);
  }
}

std::optional<TreeCache::User> TreeCache::parse_user(const std::string& text) {
  const auto words = base::split(base::trim(text.substr(0, text.find('\n'))), ' ');
  if (words.size() != 2 && words.size() != 3) return std::nullopt;
  const auto index = base::parse_unsigned(words[0]), count = base::parse_unsigned(words[1]);
  if (!index || !count) return std::nullopt;
  User user{static_cast<unsigned>(*index), static_cast<unsigned>(*count), std::nullopt};
  if (words.size() == 3) user.token = owned::parse_token(words[2]);
  return user;
}

void TreeCache::use(const std::string& key, const User& user, bool durable) {
  const auto users = kernel::open_directory(concat(path_, '/', key, "/users"));
  kernel::write_file_atomically(users.get(), user.token->session,
                                concat(user.index, ' ', user.count, ' ', user.token->text(), '\n'), 0600, durable);
}

void TreeCache::make(const CacheRequest& request) {
  const auto name = owned::unfinished_name(request.session);
  services_.trash.discard(path_, name, trash_folder(services_.settings));  // a leftover of a crash
  base::Rollback rollback;
  rollback.add([&] {
    try {
      services_.trash.discard(path_, name, trash_folder(services_.settings));
    } catch (const std::exception& error) {
      base::log::error(
          concat("removing ", path_, '/', name, ": ", error.what(), "; it is tried again when the daemon starts next"));
    }
  });
  kernel::make_directory(folder_.get(), name, 0700);
  const auto entry = kernel::open_directory_at(folder_.get(), name);
  owned::set_mark(entry.get(), request.session);
  kernel::make_directory(entry.get(), "tree", 0755);
  kernel::make_directory(entry.get(), "users", 0700);
  kernel::write_file_atomically(entry.get(), "origin", request.origin, 0600, false);
  const auto tree = kernel::open_directory_at(entry.get(), "tree");
  {
    base::Rollback unpacked;
    unpacked.add([&] { services_.unpackings.remove(request.key); });
    request.make(tree.get());
  }
  // The tree is on the disk before it gets its name. So an entry that survives a power failure is complete.
  base::check(::syncfs(tree.get()), "syncing the unpacked tree of", request.origin);
  if (request.cancelled && request.cancelled())
    throw Error(ErrorCode::cancelled, concat("unpacking ", request.origin, " was cancelled"));
  kernel::rename_to(folder_.get(), name, folder_.get(), request.key);
  rollback.commit();
  kernel::sync_directory(folder_.get());
}

// Removes the lock file of an entry that does not exist. The caller holds the lock exclusively.
void TreeCache::remove_lock(const std::string& key) const noexcept {
  try {
    kernel::remove_file(folder_.get(), concat(key, lock_ending));
  } catch (const std::exception& error) {
    base::log::error(concat("removing ", path_, '/', key, lock_ending, ": ", error.what(),
                            "; it is tried again when the daemon starts next"));
  }
}

std::string TreeCache::take(const CacheRequest& request) {
  const auto path = concat(path_, '/', request.key, "/tree");
  const User user{request.index, request.count, request.session};
  {
    const auto shared = lock(request, base::LockType::read);
    if (kernel::exists_at(folder_.get(), request.key)) {
      use(request.key, user, request.durable);
      return path;
    }
  }
  const auto alone = lock(request, base::LockType::write);
  if (!kernel::exists_at(folder_.get(), request.key)) {
    base::Rollback rollback;
    rollback.add([&] { remove_lock(request.key); });
    make(request);
    rollback.commit();
  }
  use(request.key, user, request.durable);
  return path;
}

bool TreeCache::take_one_again(const std::string& key, const User& user, bool durable) {
  CacheRequest request;
  request.key = request.origin = key;
  const auto shared = lock(request, base::LockType::read);
  const auto users = try_open(folder_.get(), key + "/users");
  if (!users) return false;
  const auto text = read_at(users->get(), user.token->session);
  const auto there = text ? parse_user(*text) : std::nullopt;
  if (!there || there->index != user.index || there->count != user.count || there->token != user.token)
    use(key, user, durable);
  return true;
}

std::optional<std::vector<std::string>> TreeCache::take_again(const std::vector<std::string>& keys,
                                                              const owned::Token& session, bool durable) {
  const auto is_there = [&](const auto& key) { return try_open(folder_.get(), key + "/tree").has_value(); };
  if (keys.empty() || !std::all_of(keys.begin(), keys.end(), is_there)) return std::nullopt;
  std::vector<std::string> trees;
  for (const auto& key : keys) {
    const User user{static_cast<unsigned>(trees.size()), static_cast<unsigned>(keys.size()), session};
    if (!take_one_again(key, user, durable)) return std::nullopt;
    trees.push_back(concat(path_, '/', key, "/tree"));
  }
  return trees;
}

std::vector<std::string> TreeCache::keys_in_use(const std::string& session) const {
  std::vector<std::pair<unsigned, std::string>> found;
  unsigned count = 0;
  for (const auto& key : keys()) {
    const auto users = try_open(folder_.get(), key + "/users");
    if (!users) continue;
    const auto text = read_at(users->get(), session);
    if (!text) continue;
    const auto user = parse_user(*text);
    if (!user) return {};
    count = user->count;
    found.emplace_back(user->index, key);
  }
  if (found.size() != count) return {};
  std::sort(found.begin(), found.end());
  std::vector<std::string> keys;
  for (auto& [index, key] : found) keys.push_back(std::move(key));
  return keys;
}

bool TreeCache::outdated(int entry, const std::string& key) const {
  const auto origin = read_at(entry, "origin");
  if (!origin) return true;  // it is unknown which tree this is
  const UniqueFd file(::open(origin->c_str(), O_PATH | O_CLOEXEC));
  if (!file) return errno == ENOENT || errno == ENOTDIR;
  // The key of an OCI layer is a digest: the layer is valid as long as its file exists.
  return key.starts_with("file-") && identity_of(file.get()) != key;
}

std::optional<UniqueFd> TreeCache::open_unused(const std::string& key) const {
  auto entry = try_open(folder_.get(), key);
  if (!entry) return std::nullopt;
  const auto maker = owned::read_mark(entry->get()).token;
  if (maker && maker->daemon != services_.daemon) return std::nullopt;
  const auto users = try_open(entry->get(), "users");
  if (users && !kernel::list_directory(users->get()).empty()) return std::nullopt;
  return entry;
}

void TreeCache::remove_if(const std::string& key, const std::function<bool(int entry)>& condition,
                          std::string_view why) {
  const auto alone = try_lock(key, base::LockType::write);
  if (!alone) return;  // a session is taking it into use
  const auto remove_lock = [&] { kernel::remove_file(folder_.get(), concat(key, lock_ending)); };
  if (!kernel::exists_at(folder_.get(), key)) return remove_lock();
  const auto entry = open_unused(key);
  if (!entry || !condition(entry->get())) return;
  services_.trash.discard(path_, key, trash_folder(services_.settings));
  base::log::info(concat("the cached tree ", key, " is removed: ", why, "; no session uses it"));
  remove_lock();
}

void TreeCache::remove_if_outdated(const std::string& key) {
  remove_if(
      key, [&](int entry) { return outdated(entry, key); }, "its origin has changed");
}

std::vector<TreeCache::Unused> TreeCache::unused() const {
  std::vector<Unused> found;
  for (const auto& key : keys())
    if (const auto entry = open_unused(key))
      found.push_back({concat(path_, '/', key), read_at(entry->get(), "origin").value_or("")});
  return found;
}

void TreeCache::remove_unused(const std::string& path) {
  const std::string key(base::file_name(path));
  remove_if(
      key, [](int) { return true; }, "root requested it");
  if (kernel::exists_at(folder_.get(), key))
    throw Error(ErrorCode::session_busy, concat("the cached tree ", path, " is in use"),
                "end the session that uses it");
}

void TreeCache::remove_unwanted(const std::function<bool(const std::string&)>& wanted) {
  for (const auto& key : keys())
    remove_if(
        key, [&](int entry) { return !wanted(read_at(entry, "origin").value_or("")); }, "no chroot uses it any more");
}

// Another daemon may share the cache. Its sessions may have the same names as ours.
bool TreeCache::is_anothers(int users, const std::string& session) const {
  const auto text = read_at(users, session);
  const auto user = text ? parse_user(*text) : std::nullopt;
  return user && user->token && user->token->daemon != services_.daemon;
}

void TreeCache::release(const owned::Token& session) {
  const auto& name = session.session;
  for (const auto& key : keys()) {
    const auto users = try_open(folder_.get(), key + "/users");
    if (users && kernel::exists_at(users->get(), name) && !is_anothers(users->get(), name))
      kernel::remove_file(users->get(), name);
    if (!users || kernel::list_directory(users->get()).empty()) remove_if_outdated(key);
  }
}

void TreeCache::clean(const std::function<bool(const std::string&)>& lives) {
  for (const auto& name : kernel::list_directory(folder_.get())) {
    const auto unfinished = owned::token_of_unfinished(name);
    if (name.starts_with(former_temporary) || (unfinished && unfinished->daemon == services_.daemon)) {
      services_.trash.discard(path_, name, trash_folder(services_.settings));
    } else if (name.ends_with(lock_ending)) {
      remove_if_outdated(name.substr(0, name.size() - lock_ending.size()));
    } else if (name.front() == '.') {
      base::log::warning(concat(path_, '/', name, " does not belong to this daemon, and is not touched"));
    } else if (const auto users = try_open(folder_.get(), name + "/users")) {
      for (const auto& session : kernel::list_directory(users->get()))
        if (!lives(session) && !is_anothers(users->get(), session)) kernel::remove_file(users->get(), session);
    }
  }
  for (const auto& key : keys()) remove_if_outdated(key);
}

}  // namespace unionroot::session
