// The owner's token on a folder or subvolume: the attribute trusted.unionroot.owner, which only root can set. If the
// file system has no attributes, a file .unionroot in the folder has the token.
#pragma once

#include <optional>
#include <string>

#include "owned/token.h"

namespace unionroot::owned {

// For a file system without attributes.
inline constexpr const char* mark_file = ".unionroot";

struct Mark {
  std::string text;            // empty: there is no mark
  std::optional<Token> token;  // nullopt: there is no mark, or this version cannot read it

  // For messages.
  [[nodiscard]] std::string owner() const;
};

void set_mark(int folder, const Token& token);
Mark read_mark(int folder);

}  // namespace unionroot::owned
