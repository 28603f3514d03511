// Copies of what sessions show.
#pragma once

#include <sys/statvfs.h>

#include <optional>

#include "session/parts.h"

namespace unionroot::session {

SessionView view_of(const Parts& parts, const Session& session);
// Fills in the size and use of the upper layer if it has a file system of its own: one system call.
void measure(const SessionPtr& session, SessionView& view);

// The file system that holds only the upper layer. nullopt: there is none, or the session is being set up or ended.
std::optional<struct statvfs> upper_file_system(const SessionPtr& session);

}  // namespace unionroot::session
