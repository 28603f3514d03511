#include "definition/watch.h"

#include <sys/inotify.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/log.h"
#include "base/text.h"
#include "definition/trusted_file.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;

std::string describe(int error_number) { return std::generic_category().message(error_number); }

// IN_MODIFY is not watched: a file is read after it was closed.
constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

FolderWatch::FolderWatch() : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (!inotify_)
    base::log::warning(concat("edits of the configuration will not be noticed: inotify: ", describe(errno)));
}

void FolderWatch::add(const std::string& folder, const std::string& name, std::map<int, Watched>& watched) {
  const int descriptor = ::inotify_add_watch(inotify_.get(), folder.c_str(), changes);
  if (descriptor < 0) {
    // The folder vanished after the check. The next reading checks again and then watches its parent.
    if (errno != ENOENT && errno != ENOTDIR && !limit_reported_) {
      base::log::warning(concat("edits in ", folder, " may not be noticed: inotify: ", describe(errno)));
      limit_reported_ = true;
    }
    return;
  }
  Watched& entry = watched[descriptor];
  if (name.empty())
    entry.everything = true;
  else
    entry.names.insert(name);
}

bool FolderWatch::watch(const std::set<std::string>& folders) {
  if (!inotify_) return false;
  std::map<int, Watched> watched;
  for (const auto& wanted : folders) {
    std::string folder = wanted;
    std::string name;
    while (!folder_exists(folder) && folder != "/" && folder != ".") {
      name = boost::filesystem::path(folder).filename().string();
      folder = folder_of(folder);
    }
    add(folder, name, watched);
  }
  bool more = false;
  for (const auto& [descriptor, entry] : watched) {
    const auto before = watched_.find(descriptor);
    if (before == watched_.end() || (entry.everything && !before->second.everything)) more = true;
    for (const auto& name : entry.names)
      if (before != watched_.end() && !before->second.everything && before->second.names.count(name) == 0) more = true;
  }
  for (const auto& [descriptor, entry] : watched_)
    if (watched.count(descriptor) == 0) ::inotify_rm_watch(inotify_.get(), descriptor);  // fails if the folder is gone
  watched_ = std::move(watched);
  return more;
}

bool FolderWatch::drain() {
  bool relevant = false;
  alignas(inotify_event) char buffer[16384];
  while (inotify_) {
    const auto count = ::read(inotify_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;  // EAGAIN: no more events
    for (ssize_t offset = 0; offset < count;) {
      inotify_event event;
      std::memcpy(&event, buffer + offset, sizeof event);
      const char* const name = buffer + offset + sizeof event;
      offset += static_cast<ssize_t>(sizeof event + event.len);
      const auto entry = watched_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        relevant = true;
      } else if (entry != watched_.end() && (event.mask & IN_IGNORED) == 0) {
        const bool itself = (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
        relevant =
            relevant || entry->second.everything || itself || (event.len > 0 && entry->second.names.count(name) != 0);
      } else if (entry != watched_.end()) {
        watched_.erase(entry);  // the folder no longer exists; its watch number may be reused
        relevant = true;
      }
    }
  }
  return relevant;
}

}  // namespace unionroot::definition
