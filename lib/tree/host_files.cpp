#include "tree/host_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/regular_file.h"
#include "tree/passwords.h"

namespace unionroot::tree {

namespace {

// Larger files are read each time, to keep the cache small.
constexpr std::size_t largest_kept = std::size_t{1} << 20;

}  // namespace

std::shared_ptr<const HostFile> HostFiles::read(const std::string& path, std::string& why) try {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) base::throw_errno("looking at", path);
    why = "the host has no such file";
    return nullptr;
  }
  {
    const std::scoped_lock hold(mutex_);
    const auto found = files_.find(path);
    if (found != files_.end() && found->second->version == base::version_of(status)) return found->second;
  }
  const base::UniqueFd handle(base::check(::open(path.c_str(), O_PATH | O_CLOEXEC), "opening", path));
  const auto opened = kernel::open_regular(handle.get(), path);
  if (opened.found != kernel::RegularFile::Found::file) {
    why = base::concat("on the host it is not a regular file, but ", base::kind_of_file(opened.status.st_mode));
    return nullptr;
  }
  status = opened.status;
  if (static_cast<std::uint64_t>(status.st_size) > largest_file) {
    why = base::concat("on the host it is larger than ", largest_file >> 20, " MiB");
    return nullptr;
  }
  const auto version = base::version_of(status);
  const bool settled = base::is_settled(version);  // checked before the read: the file may change during the read
  auto read =
      std::make_shared<const HostFile>(HostFile{version, status.st_mode & 07777u, status.st_uid, status.st_gid,
                                                base::read_all(opened.descriptor.get(), path, largest_file), settled});
  const std::scoped_lock hold(mutex_);
  ++reads_;
  if (read->content.size() <= largest_kept && read->settled) files_[path] = read;
  return read;
} catch (const base::Error& error) {
  why = error.what();
  return nullptr;
}

std::shared_ptr<const Table> HostFiles::table(Database database, const std::string& path,
                                              const std::shared_ptr<const HostFile>& file) {
  {
    const std::scoped_lock hold(mutex_);
    const auto found = tables_.find(path);
    if (found != tables_.end() && found->second.version == file->version) return found->second.table;
  }
  auto table = std::make_shared<const Table>(database, without_passwords(Table(database, file->content)));
  const std::scoped_lock hold(mutex_);
  if (file->settled) tables_[path] = {file->version, table};
  return table;
}

std::size_t HostFiles::reads() const {
  const std::scoped_lock hold(mutex_);
  return reads_;
}

HostFiles& host_files() {
  static HostFiles files;
  return files;
}

}  // namespace unionroot::tree
