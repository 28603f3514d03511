// The owner of a thing that the daemon makes outside its own memory: a volume, a snapshot, a folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::owned {

// Two sessions never have the same token, even with the same name: the time of creation differs, and another daemon has
// another id.
struct Token {
  std::string daemon;        // 16 hexadecimal digits, see daemon_id.h
  std::int64_t created = 0;  // creation of the session: microseconds since the epoch
  std::string session;

  bool operator==(const Token&) const = default;

  // "1.DAEMON.CREATED.SESSION": at most 236 characters, all of which are allowed in LVM tags, ZFS properties and file
  // names.
  [[nodiscard]] std::string text() const;
};

// nullopt unless the text is exactly a token of this version.
std::optional<Token> parse_token(std::string_view text);

bool valid_daemon_id(std::string_view text);

// The temporary name for a thing that cannot be made and marked in one step: ".unionroot-" and the token. The thing is
// renamed when it is marked.
std::string unfinished_name(const Token& token);
// nullopt if the name is not such a name.
std::optional<Token> token_of_unfinished(std::string_view name);

}  // namespace unionroot::owned
