// Warnings about definitions in the words of schroot 1.6. unionroot's `schroot` command prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definition/definition.h"
#include "definition/keyfile.h"

namespace unionroot::definition {

// Lines "W: ..." and "I: ...", for people.
using SchrootWarnings = std::vector<std::string>;

// For one definition. Pure.
void add_schroot_warnings(const KeyfileSection& section, const Definition& definition, SchrootWarnings& warnings);
// For an alias that another chroot has.
void add_alias_warning(const Definition& definition, std::string_view alias, SchrootWarnings& warnings);
// For an entry of chroot.d that is not a regular file, or a symlink without a target.
void add_file_warning(const std::string& path, SchrootWarnings& warnings);

}  // namespace unionroot::definition
