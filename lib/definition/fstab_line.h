// Parses one line of an fstab file, as described in fstab(5).
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

// Blanks and tabs separate the fields; \040 and the like are decoded. `line` has no newline, no blanks at its ends, and
// is not a comment. Returns nullopt if the source, mount point or type is missing, if the fifth or sixth field is not a
// number, or if an option is malformed. Text after the sixth field is ignored.
//
// libmount is not used: it gives no line numbers, and each start of the client would load five more shared libraries.
// It parses the lines that it accepts in the same way, with three exceptions. It drops options after an unclosed quote.
// It accepts options without a name ("=x"). It takes a file that begins with numbers for a mountinfo table.
std::optional<FstabFields> parse_fstab_line(std::string_view line);

}  // namespace unionroot::definition
