#include "session/trash.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::session {

using base::concat;

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
  const auto from = kernel::open_directory(folder);
  if (!kernel::exists_at(from.get(), name)) return;
  kernel::ensure_directories(trash_folder, 0700);
  const auto to = kernel::open_directory(trash_folder);
  const auto thrown = concat(name, "-", base::random_token());
  kernel::rename_to(from.get(), name, to.get(), thrown);
  {
    const std::lock_guard guard(mutex_);
    items_.push_back({trash_folder, thrown});
  }
  changed_.notify_all();
}

void Trash::adopt(const std::string& trash_folder) {
  try {
    const auto folder = kernel::open_directory(trash_folder);
    const std::lock_guard guard(mutex_);
    for (auto& name : kernel::list_directory(folder.get())) items_.push_back({trash_folder, std::move(name)});
  } catch (const base::SystemError& error) {
    if (error.error_number() != ENOENT) throw;
  }
  changed_.notify_all();
}

void Trash::drain() {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [this] { return items_.empty() && !busy_; });
}

void Trash::work() {
  // Deleting must not slow down those who begin sessions: lowest priority for this thread alone (on Linux, nice is per
  // thread: setpriority(2)).
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
  std::unique_lock guard(mutex_);
  while (true) {
    changed_.wait(guard, [this] { return stopping_ || !items_.empty(); });
    if (stopping_) return;
    const auto item = items_.front();
    items_.pop_front();
    busy_ = true;
    guard.unlock();
    try {
      const auto folder = kernel::open_directory(item.folder);
      kernel::remove_tree(folder.get(), item.name, [this] {
        const std::lock_guard inner(mutex_);
        return stopping_;
      });
    } catch (const std::exception& error) {
      base::log::error(concat("deleting ", item.folder, "/", item.name, ": ", error.what(),
                              "; it is tried again when the daemon starts next"));
    }
    guard.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace unionroot::session
