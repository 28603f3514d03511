// Source sessions that did not end well. The store remembers them with the tree until a later one ends well.
#pragma once

#include <optional>
#include <string>

#include "kernel/process_end.h"
#include "session/parts.h"

namespace unionroot::session {

void note_source_trouble(Parts& parts, Session& session, const std::string& what);
void note_command_in_source(Parts& parts, Session& session, const std::string& command, const kernel::ProcessEnd& end);
void note_source_end(Parts& parts, Session& session);

// A text about the last change of the definition's source tree, if that change did not end well. whole: includes the
// cause.
[[nodiscard]] std::optional<std::string> source_trouble(const Parts& parts, const definition::Definition& definition,
                                                        bool whole);

}  // namespace unionroot::session
