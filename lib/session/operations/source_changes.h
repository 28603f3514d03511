// Source sessions that did not come to a good end: remembered with the tree, until a later one does.
#pragma once

#include <optional>
#include <string>

#include "kernel/process_end.h"
#include "session/parts.h"

namespace unionroot::session {

void note_source_trouble(Parts& parts, Session& session, const std::string& what);
void note_command_in_source(Parts& parts, Session& session, const std::string& command, const kernel::ProcessEnd& end);
void note_source_end(Parts& parts, Session& session);

// What people should know of the last change of the definition's source tree, if it did not come to a good end.
[[nodiscard]] std::optional<std::string> source_trouble(const Parts& parts, const definition::Definition& definition,
                                                        bool whole);

}  // namespace unionroot::session
