// Parses one section of a file as a definition.
#pragma once

#include <optional>
#include <string>

#include "definition/definition.h"
#include "definition/keyfile.h"
#include "definition/profile_store.h"

namespace unionroot::definition {

class SectionReader;

// Returns nullopt if the section has an error; the errors are added to `problems`. The section must not be broken.
std::optional<Definition> parse_definition(const KeyfileSection& section, const std::string& file, bool from_schroot,
                                           ProfileStore& profiles, Problems& problems);

// Builds the request for the definition's profile from its user data. Malformed paths in it were reported when the
// definition was parsed.
ProfileRequest profile_request(const Definition& definition, bool from_schroot);

// True for user data that names a file of the profile: setup.config, setup.fstab ...
bool names_profile_file(std::string_view key);

// Parsers of single parts. type: the TypeBit of the definition.
void parse_source(SectionReader& reader, unsigned type, Definition& definition);
void parse_union(SectionReader& reader, unsigned type, Definition& definition);

}  // namespace unionroot::definition
