// The host's files that sessions get, read once as long as they do not change.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/file_version.h"
#include "definition/profile.h"
#include "tree/name_service.h"

namespace unionroot::tree {

inline constexpr std::size_t largest_file = definition::largest_copied_file;

using base::FileVersion;

struct HostFile {
  FileVersion version;
  mode_t mode = 0;  // permissions alone
  uid_t uid = 0;
  gid_t gid = 0;
  std::string content;
  // The version was old enough before the content was read: another content would have another version.
  bool settled = false;
};

// Thread-safe.
class HostFiles {
 public:
  // A file of the host, or null, and then `why` says why not: not there, not a regular file, too large, an error.
  // Symlinks are followed: the path is the administrator's.
  std::shared_ptr<const HostFile> read(const std::string& path, std::string& why);

  // The same, parsed, without any password.
  std::shared_ptr<const Table> table(Database database, const std::string& path,
                                     const std::shared_ptr<const HostFile>& file);

  // How often a file was really read; for tests.
  [[nodiscard]] std::size_t reads() const;

 private:
  struct Parsed {
    FileVersion version;
    std::shared_ptr<const Table> table;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const HostFile>> files_;
  std::unordered_map<std::string, Parsed> tables_;
  std::size_t reads_ = 0;
};

HostFiles& host_files();

}  // namespace unionroot::tree
