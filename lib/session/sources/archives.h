// Shared by the sources that are unpacked: tarball and oci.
#pragma once

#include <string>

#include "archive/archive.h"
#include "base/unique_fd.h"
#include "session/stage.h"

namespace unionroot::session {

// Options that report progress to the session and obey its definition's unpack-limit. what: shown with the progress,
// such as "unpacking /srv/base.tar". cache_key: sessions that wait for the tree find its progress under this key;
// empty: no other session waits for it.
archive::Options unpack_options(const Operation& operation, const std::string& path, const std::string& what,
                                const std::string& cache_key);

// The location without "/" at either end; empty: the whole tree.
std::string inner_path(const std::string& location);
// The path tree/location. It must be a folder, and must not lead through a symbolic link. Throws Error(stage_failed).
std::string located(const Operation& operation, const std::string& tree, const std::string& location);

// Reports that the unpacked tree is being written to the disk. The tree counts as unpacked only after that, and it
// takes time.
void report_syncing(const Operation& operation, const std::string& path);
void report(const Operation& operation, const std::string& what, std::uint64_t done, std::uint64_t total);

}  // namespace unionroot::session
