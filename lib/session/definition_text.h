// A definition's text as it is kept with each session.
#pragma once

#include <string>

#include "definition/registry.h"

namespace unionroot::session {

// definition::serialize, made once for each definition: sessions on one chroot share it. Thread-safe.
std::string definition_text(const definition::DefinitionPtr& definition);

}  // namespace unionroot::session
