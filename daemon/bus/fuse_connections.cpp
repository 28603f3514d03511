#include "daemon/bus/fuse_connections.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::daemon {

namespace {

constexpr const char* connections = "/sys/fs/fuse/connections";

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

std::size_t abort_waiting_fuse_connections(uid_t user) {
  if (user == 0) return 0;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(connections));
  if (!folder) return 0;
  std::size_t aborted = 0;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    const auto path = base::concat(connections, "/", entry->d_name);
    struct stat facts {};
    // The folder's owner is the connection's user_id: the user who mounted it.
    if (::stat(path.c_str(), &facts) != 0 || facts.st_uid != user) continue;
    const auto waiting = base::try_read_file(path + "/waiting");
    if (!waiting || *waiting == "0\n") continue;
    try {
      const base::UniqueFd file(base::check(::open((path + "/abort").c_str(), O_WRONLY | O_CLOEXEC), "opening", path));
      base::write_all(file.get(), "1", path);
      ++aborted;
      base::log::warning(base::concat("aborted the FUSE connection ", entry->d_name, " of uid ", user,
                                      ": it does not answer to the close of a descriptor that this user passed"));
    } catch (const base::Error& error) {
      base::log::warning(base::concat("aborting a FUSE connection of uid ", user, ": ", error.what()));
    }
  }
  return aborted;
}

}  // namespace unionroot::daemon
