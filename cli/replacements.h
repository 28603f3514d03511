// What people type who know schroot, or other programs of the kind: what its name is here.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::cli {

// What to use in place of an option of schroot's; empty if schroot has no such option. verb: after which verb it was
// given; empty if before any.
std::string in_place_of_schroot_option(std::string_view option, std::string_view verb);

// "did you mean 'end'?" for "rm"; empty if the word is no other program's verb.
std::string in_place_of_other_verb(std::string_view word);

}  // namespace unionroot::cli
