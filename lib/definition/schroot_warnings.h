// What schroot 1.6 warns of, in its words, in the definitions that it reads: the program called schroot says the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definition/definition.h"
#include "definition/keyfile.h"

namespace unionroot::definition {

// Lines "W: ..." and "I: ...", for people.
using SchrootWarnings = std::vector<std::string>;

// Of one definition. Pure.
void add_schroot_warnings(const KeyfileSection& section, const Definition& definition, SchrootWarnings& warnings);
// An alias that somebody else has.
void add_alias_warning(const Definition& definition, std::string_view alias, SchrootWarnings& warnings);
// Of a file of chroot.d that is none, or that leads nowhere.
void add_file_warning(const std::string& path, SchrootWarnings& warnings);

}  // namespace unionroot::definition
