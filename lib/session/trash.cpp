#include "session/trash.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/place.h"

namespace unionroot::session {

using base::concat;

namespace {
constexpr std::size_t longest_name = 240;  // leaves room for the suffix: a file's name has at most 255 bytes

// Follows symlinks of the administrator on the way to the folder. Tokens identify what is renamed in it.
base::UniqueFd open_followed(const std::string& folder) {
  return base::UniqueFd(
      base::check(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the folder", folder));
}

}  // namespace

Trash::Trash() : worker_([this] { work(); }) {}

Trash::~Trash() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void Trash::discard(const std::string& folder, const std::string& name, const std::string& trash_folder) {
  const auto from = open_followed(folder);
  if (!kernel::exists_at(from.get(), name)) return;
  try {
    throw_away(from.get(), folder, name, trash_folder);
  } catch (const base::Error& error) {
    const auto* const system = dynamic_cast<const base::SystemError*>(&error);
    const bool elsewhere = system != nullptr && system->error_number() == EXDEV;
    // A rename into the trash needs space that a full disk does not have; deletion frees some. The trash folder may
    // also be somebody else's, or on another file system. None of this must prevent the end of a session.
    if (system != nullptr && error.code() != base::ErrorCode::no_space && !elsewhere) throw;
    const auto text = concat(error.what(), "; ", folder, "/", name, " is deleted at once");
    if (error.code() == base::ErrorCode::no_space)
      base::log::info(text);
    else
      base::log::warning(concat(text, error.hint().empty() ? "" : "; ", error.hint()));
    kernel::remove_tree(from.get(), name);
  }
}

void Trash::throw_away(int from, const std::string& folder, const std::string& name, const std::string& trash_folder) {
  const auto above = std::string(base::parent_path(trash_folder));
  const auto to =
      owned::ensure_own_folder(open_followed(above).get(), above, std::string(base::file_name(trash_folder)), 0700);
  const auto thrown = concat(name.substr(0, longest_name), "-", base::random_token());
  const auto enqueue = [&] {
    {
      const std::lock_guard guard(mutex_);
      items_.push_back({trash_folder, thrown});
    }
    changed_.notify_all();
  };
  try {
    kernel::rename_to(from, name, to.get(), thrown);
  } catch (const base::SystemError& error) {
    if (kernel::exists_at(to.get(), thrown)) enqueue();
    throw base::SystemError(error.error_number(), concat("moving ", folder, "/", name, " to ", trash_folder),
                            error.hint());
  }
  enqueue();
}

void Trash::adopt(const std::string& trash_folder) {
  // Everything in the folder is deleted. So it must not be a folder that somebody else put there.
  const auto folder = owned::open_place("the trash", trash_folder);
  if (!folder) return;
  {
    const std::lock_guard guard(mutex_);
    for (auto& name : kernel::list_directory(folder->get())) items_.push_back({trash_folder, std::move(name)});
  }
  changed_.notify_all();
}

void Trash::drain() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [this] { return items_.empty() && !busy_; });
}

void Trash::work() {
  // Deletion must not slow down beginning sessions. So this thread alone gets a lower priority (on Linux, nice is per
  // thread: setpriority(2)).
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
  std::unique_lock guard(mutex_);
  while (!stopping_) {
    const auto now = Clock::now();
    const auto due =
        std::find_if(items_.begin(), items_.end(), [&](const Item& item) { return item.not_before <= now; });
    if (due == items_.end()) {
      auto wake = now + std::chrono::hours(1);
      for (const auto& item : items_) wake = std::min(wake, item.not_before);
      changed_.wait_until(guard, wake);
      continue;
    }
    auto item = std::move(*due);
    items_.erase(due);
    busy_ = true;
    guard.unlock();
    const bool again = !remove(item);
    guard.lock();
    if (again) items_.push_back(std::move(item));
    busy_ = false;
    changed_.notify_all();
  }
}

bool Trash::remove(Item& item) {
  // A file system that was full or did not answer may work later. After the last attempt the rest is left to the next
  // start.
  constexpr std::array<std::chrono::milliseconds, 3> pauses{std::chrono::milliseconds(100), std::chrono::seconds(10),
                                                            std::chrono::minutes(10)};
  try {
    const auto folder = kernel::open_directory(item.folder);
    kernel::remove_tree(folder.get(), item.name, [this] {
      const std::lock_guard inner(mutex_);
      return stopping_;
    });
    return true;
  } catch (const std::exception& error) {
    const bool again = item.failures < pauses.size();
    base::log::error(concat("deleting ", item.folder, "/", item.name, ": ", error.what(), "; it is tried again ",
                            again ? "later" : "when the daemon starts next"));
    if (!again) return true;
    item.not_before = Clock::now() + pauses[item.failures++];
    return false;
  }
}

}  // namespace unionroot::session
