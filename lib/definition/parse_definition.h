// One section of a file as a definition.
#pragma once

#include <optional>
#include <string>

#include "definition/definition.h"
#include "definition/keyfile.h"
#include "definition/profile_store.h"

namespace unionroot::definition {

class SectionReader;

// nullopt if something is wrong with it; what, is added to problems. The section itself must not be broken.
std::optional<Definition> parse_definition(const KeyfileSection& section, const std::string& file, bool from_schroot,
                                           ProfileStore& profiles, Problems& problems);

// What it says of its profile, by its user data; a malformed path among them was reported when it was parsed.
ProfileRequest profile_request(const Definition& definition, bool from_schroot);

// Whether this user data says where a file of the profile is: setup.config, setup.fstab ...
bool names_profile_file(std::string_view key);

// Its parts. `type` is the TypeBit of the definition.
void parse_source(SectionReader& reader, unsigned type, Definition& definition);
void parse_union(SectionReader& reader, unsigned type, Definition& definition);

}  // namespace unionroot::definition
