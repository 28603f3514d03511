// The owner's token on a folder or subvolume: the attribute trusted.unionroot.owner, which only root can set; a file
// .unionroot in it where the file system has no attributes.
#pragma once

#include <optional>
#include <string>

#include "owned/token.h"

namespace unionroot::owned {

// Where the file system has no attributes.
inline constexpr const char* mark_file = ".unionroot";

struct Mark {
  std::string text;            // empty: the thing has no mark
  std::optional<Token> token;  // nullopt: there is no mark, or not one that this version can read

  // For messages.
  [[nodiscard]] std::string owner() const;
};

void set_mark(int folder, const Token& token);
Mark read_mark(int folder);

}  // namespace unionroot::owned
