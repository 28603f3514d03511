// Translates options of schroot, and verbs of similar programs, to those of unionroot.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::cli {

// What to use instead of an option of schroot; empty if schroot has no such option. verb: the verb before the option,
// or empty.
std::string in_place_of_schroot_option(std::string_view option, std::string_view verb);

// "did you mean 'end'?" for "rm"; empty if the word is not such a verb.
std::string in_place_of_other_verb(std::string_view word);

}  // namespace unionroot::cli
