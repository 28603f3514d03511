#include "mount/source_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "kernel/files.h"
#include "mount/places.h"

namespace unionroot::mount {

using base::UniqueFd;

namespace {

constexpr const char* folder_name = "sources";

bool belongs_to_one(const std::string& name) { return name.rfind("own.", 0) == 0; }

}  // namespace

SourceMounts::SourceMounts(kernel::Mounts& mounts, std::string runtime_directory)
    : mounts_(mounts), runtime_(std::move(runtime_directory)) {}

std::string SourceMounts::path(const std::string& name) const {
  return base::concat(runtime_, "/", folder_name, "/", name);
}

bool SourceMounts::exists() const { return ::access(base::concat(runtime_, "/", folder_name).c_str(), F_OK) == 0; }

UniqueFd SourceMounts::open_folder() const { return kernel::open_directory(base::concat(runtime_, "/", folder_name)); }

std::string SourceMounts::acquire(const std::string& name, const std::string& session, const Make& make) {
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [&] { return !busy_.contains(name); });
  if (!exists() || users_.empty()) {
    // Shared, so that an unmount reaches every copy of the mount table. Otherwise a service that was started meanwhile
    // would keep an image busy. Only root may look inside: devices and set-uid programs of a tree are not for the host.
    const UniqueFd runtime(
        base::check(::open(runtime_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", runtime_));
    make_place(mounts_, runtime, runtime_, {folder_name, 0700, MS_SHARED});
  }
  const bool first = users_[name].insert(session).second;
  const bool alone = users_[name].size() == 1;  // no other session can join while the name is busy
  busy_.insert(name);
  guard.unlock();

  const auto done = [&](bool used) {
    const std::lock_guard inner(mutex_);
    busy_.erase(name);
    if (!used && first) {
      users_[name].erase(session);
      if (users_[name].empty()) users_.erase(name);
    }
    changed_.notify_all();
  };
  try {
    const auto folder = open_folder();
    if (!is_mount_point(folder.get(), name)) {
      const auto made = make();
      kernel::ensure_directory(folder.get(), name, 0700);
      mounts_.attach(made.get(), open_place(folder.get(), name, O_DIRECTORY).get());
    }
  } catch (...) {
    // Undone here, because release(), which the session's tear-down calls, finds nothing registered any more.
    try {
      if (alone) remove(name);
    } catch (const std::exception& error) {
      base::log::warning(base::concat("removing the source mount ", name, ": ", error.what()));
    }
    done(false);
    throw;
  }
  done(true);
  return path(name);
}

bool SourceMounts::adopt(const std::string& name, const std::string& session) {
  const std::lock_guard guard(mutex_);
  if (!exists() || !is_mount_point(open_folder().get(), name)) return false;
  users_[name].insert(session);
  return true;
}

// `name` is in busy_, or no other thread knows it.
void SourceMounts::remove(const std::string& name) {
  if (!exists()) return;
  const auto folder = open_folder();
  unmount_all(mounts_, folder.get(), name, path(name));
  kernel::remove_directory(folder.get(), name);
}

void SourceMounts::release(const std::string& session) {
  std::unique_lock guard(mutex_);
  std::vector<std::string> unused;
  for (auto& [name, sessions] : users_) {
    if (!sessions.contains(session)) continue;
    if (sessions.size() == 1 && (complete_ || belongs_to_one(name)))
      unused.push_back(name);
    else
      sessions.erase(session);
  }
  for (const auto& name : unused) {
    changed_.wait(guard, [&] { return !busy_.contains(name); });
    auto& sessions = users_[name];
    sessions.erase(session);
    if (!sessions.empty()) continue;  // another session has come meanwhile
    busy_.insert(name);
    guard.unlock();
    const auto done = [&](bool gone) {
      guard.lock();
      busy_.erase(name);
      if (!gone)
        users_[name].insert(session);  // so that it can be tried again
      else if (users_[name].empty())
        users_.erase(name);
      changed_.notify_all();
    };
    try {
      remove(name);
    } catch (...) {
      done(false);
      throw;
    }
    done(true);
  }
}

void SourceMounts::remove_unused() {
  const std::lock_guard guard(mutex_);
  complete_ = true;
  if (!exists()) return;
  for (const auto& name : kernel::list_directory(open_folder().get())) {
    const auto used = users_.find(name);
    if (busy_.contains(name) || (used != users_.end() && !used->second.empty())) continue;
    remove(name);
    users_.erase(name);
  }
}

void SourceMounts::release_if_empty() {
  const std::lock_guard guard(mutex_);
  if (!exists()) return;
  if (!kernel::list_directory(open_folder().get()).empty()) return;
  const UniqueFd runtime(
      base::check(::open(runtime_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", runtime_));
  unmount_all(mounts_, runtime.get(), folder_name, base::concat(runtime_, "/", folder_name));
  kernel::remove_directory(runtime.get(), folder_name);
}

}  // namespace unionroot::mount
