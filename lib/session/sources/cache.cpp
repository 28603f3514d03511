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
#include "base/ids.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "locks/source_lock.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr std::string_view temporary = "tmp-";
constexpr std::string_view lock_ending = ".lock";

// nullopt: not there (any more).
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
  // Trees hold set-id programs and device nodes: nobody but root gets in.
  kernel::ensure_directories(path_, 0700);
  folder_ = kernel::open_directory(path_);
}

std::vector<std::string> TreeCache::keys() const {
  std::vector<std::string> keys;
  for (auto& name : kernel::list_directory(folder_.get()))
    if (!name.starts_with(temporary) && !name.ends_with(lock_ending)) keys.push_back(std::move(name));
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
    // Whoever removes an entry removes its lock file too: then this is the lock of nothing.
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
    // Who takes a whole tree into use holds the lock for a moment only.
    if (request.waits && pause == longest) {
      const auto bytes = services_.unpackings.find(request.key);
      request.waits(bytes.done, bytes.total);
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, longest);
  }
}

void TreeCache::use(const CacheRequest& request) {
  const auto users = kernel::open_directory(concat(path_, '/', request.key, "/users"));
  kernel::write_file_atomically(users.get(), request.session, concat(request.index, ' ', request.count, '\n'), 0600,
                                false);
}

void TreeCache::make(const CacheRequest& request) {
  const auto name = concat(temporary, base::random_token());
  base::Rollback rollback;
  rollback.add([&] {
    try {
      services_.trash.discard(path_, name, trash_folder(services_.settings));
    } catch (const std::exception& error) {
      base::log::error(
          concat("removing ", path_, '/', name, ": ", error.what(), "; it is done when the daemon starts next"));
    }
  });
  kernel::make_directory(folder_.get(), name, 0700);
  const auto entry = kernel::open_directory_at(folder_.get(), name);
  kernel::make_directory(entry.get(), "tree", 0755);
  kernel::make_directory(entry.get(), "users", 0700);
  kernel::write_file_atomically(entry.get(), "origin", request.origin, 0600, false);
  const auto tree = kernel::open_directory_at(entry.get(), "tree");
  {
    base::Rollback unpacked;
    unpacked.add([&] { services_.unpackings.remove(request.key); });
    request.make(tree.get());
  }
  // All of it on the disk before it has its name: an entry that survives a power cut is complete.
  base::check(::syncfs(tree.get()), "syncing the unpacked tree of", request.origin);
  if (request.cancelled && request.cancelled())
    throw Error(ErrorCode::cancelled, concat("unpacking ", request.origin, " was cancelled"));
  kernel::rename_to(folder_.get(), name, folder_.get(), request.key);
  rollback.commit();
  kernel::sync_directory(folder_.get());
}

// For who holds it alone, and has no entry to go with it.
void TreeCache::remove_lock(const std::string& key) const noexcept {
  try {
    kernel::remove_file(folder_.get(), concat(key, lock_ending));
  } catch (const std::exception& error) {
    base::log::error(concat("removing ", path_, '/', key, lock_ending, ": ", error.what(),
                            "; it is done when the daemon starts next"));
  }
}

std::string TreeCache::take(const CacheRequest& request) {
  const auto path = concat(path_, '/', request.key, "/tree");
  {
    const auto shared = lock(request, base::LockType::read);
    if (kernel::exists_at(folder_.get(), request.key)) {
      use(request);
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
  use(request);
  return path;
}

std::vector<std::string> TreeCache::held_by(const std::string& session) const {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  std::uint64_t count = 0;
  for (const auto& key : keys()) {
    const auto users = try_open(folder_.get(), key + "/users");
    if (!users) continue;
    const auto text = read_at(users->get(), session);
    if (!text) continue;
    const auto words = base::split(base::trim(text->substr(0, text->find('\n'))), ' ');
    const auto index = words.size() == 2 ? base::parse_unsigned(words[0]) : std::nullopt;
    const auto of = words.size() == 2 ? base::parse_unsigned(words[1]) : std::nullopt;
    if (!index || !of) return {};
    count = *of;
    found.emplace_back(*index, concat(path_, '/', key, "/tree"));
  }
  if (found.size() != count) return {};
  std::sort(found.begin(), found.end());
  std::vector<std::string> trees;
  for (auto& [index, path] : found) trees.push_back(std::move(path));
  return trees;
}

bool TreeCache::outdated(int entry, const std::string& key) const {
  const auto origin = read_at(entry, "origin");
  if (!origin) return true;  // nobody can tell what it is any more
  const UniqueFd file(::open(origin->c_str(), O_PATH | O_CLOEXEC));
  if (!file) return errno == ENOENT || errno == ENOTDIR;
  // A layer's key is its digest: as long as the file is there, so is the layer.
  return key.starts_with("file-") && identity_of(file.get()) != key;
}

void TreeCache::remove_if_outdated(const std::string& key) {
  const auto alone = try_lock(key, base::LockType::write);
  if (!alone) return;  // somebody takes it into use
  const auto remove_lock = [&] { kernel::remove_file(folder_.get(), concat(key, lock_ending)); };
  const auto entry = try_open(folder_.get(), key);
  if (!entry) return remove_lock();
  const auto users = try_open(entry->get(), "users");
  if (users && !kernel::list_directory(users->get()).empty()) return;
  if (!outdated(entry->get(), key)) return;
  services_.trash.discard(path_, key, trash_folder(services_.settings));
  base::log::info(concat("the cached tree ", key, " is removed: its origin has changed, and no session stands on it"));
  remove_lock();
}

void TreeCache::release(const std::string& session) {
  for (const auto& key : keys()) {
    const auto users = try_open(folder_.get(), key + "/users");
    if (users && kernel::exists_at(users->get(), session)) kernel::remove_file(users->get(), session);
    if (!users || kernel::list_directory(users->get()).empty()) remove_if_outdated(key);
  }
}

void TreeCache::clean(const std::function<bool(const std::string&)>& lives) {
  for (const auto& name : kernel::list_directory(folder_.get())) {
    if (name.starts_with(temporary)) {
      services_.trash.discard(path_, name, trash_folder(services_.settings));
    } else if (name.ends_with(lock_ending)) {
      remove_if_outdated(name.substr(0, name.size() - lock_ending.size()));
    } else if (const auto users = try_open(folder_.get(), name + "/users")) {
      for (const auto& session : kernel::list_directory(users->get()))
        if (!lives(session)) kernel::remove_file(users->get(), session);
    }
  }
  for (const auto& key : keys()) remove_if_outdated(key);
}

}  // namespace unionroot::session
