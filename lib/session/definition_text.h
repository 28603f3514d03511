// The text of a definition that is stored with each session.
#pragma once

#include <string>

#include "definition/registry.h"

namespace unionroot::session {

// definition::serialize, called once for each definition. The sessions on one chroot share the text. Thread-safe.
std::string definition_text(const definition::DefinitionPtr& definition);

}  // namespace unionroot::session
