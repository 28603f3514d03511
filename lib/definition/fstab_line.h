// One line of an fstab file, as fstab(5) has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

struct FstabFields {
  std::string source, target, type;
  std::vector<std::string> options;  // NAME or NAME=VALUE
};

// The fields, which blanks and tabs separate, with \040 and the like undone. `line` has no newline and no blanks at its
// ends, and is no comment. nullopt: it has no source, mount point or type, the fifth or sixth field is no number, or an
// option is malformed. What follows the sixth field is passed over.
//
// libmount reads the same of every line that it takes, but for three kinds. It leaves out options after a quote that is
// not closed; it takes options without a name ("=x"); and it takes a file for a mountinfo table that begins with
// numbers. It has no line numbers for what it takes, and would cost each start of the client five shared libraries.
std::optional<FstabFields> parse_fstab_line(std::string_view line);

}  // namespace unionroot::definition
