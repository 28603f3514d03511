// Cache of the host's files that sessions get. A file is read again only after it changed.
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
  mode_t mode = 0;  // permissions only
  uid_t uid = 0;
  gid_t gid = 0;
  std::string content;
  // The version was old enough before the content was read. So any other content has another version.
  bool settled = false;
};

// Thread-safe.
class HostFiles {
 public:
  // Reads a file of the host. Returns null and sets `why` if it is missing, not a regular file, too large, or
  // unreadable. Symlinks are followed: the administrator chose the path.
  std::shared_ptr<const HostFile> read(const std::string& path, std::string& why);

  // Returns the same file, parsed, with all passwords removed.
  std::shared_ptr<const Table> table(Database database, const std::string& path,
                                     const std::shared_ptr<const HostFile>& file);

  // Number of times that a file was read from disk; for tests.
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
