// What the sources that are unpacked (tarball, oci) have in common.
#pragma once

#include <string>

#include "archive/archive.h"
#include "base/unique_fd.h"
#include "session/stage.h"

namespace unionroot::session {

// Options that report to the session and obey its definition's unpack-limit.
// what: is told with the progress, "unpacking /srv/base.tar". cache_key: under which sessions that wait for the tree
// find how far it is; empty: nobody else wants it.
archive::Options unpack_options(const Operation& operation, const std::string& path, const std::string& what,
                                const std::string& cache_key);

// Without "/" at either end; empty: the whole tree.
std::string inner_path(const std::string& location);
// tree/location, where that is a folder that no symlink leads to; throws Error(stage_failed).
std::string located(const Operation& operation, const std::string& tree, const std::string& location);

// Nothing of an unpacked tree counts as done until it is on the disk, which takes its time too.
void report_syncing(const Operation& operation, const std::string& path);
void report(const Operation& operation, const std::string& what, std::uint64_t done, std::uint64_t total);

}  // namespace unionroot::session
