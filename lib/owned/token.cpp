#include "owned/token.h"

#include <algorithm>

#include "base/names.h"
#include "base/text.h"

namespace unionroot::owned {

namespace {

constexpr std::string_view version = "1.";
constexpr std::string_view unfinished = ".unionroot-";
constexpr std::size_t daemon_digits = 16;
constexpr std::size_t most_digits = 18;  // of a time that fits into 64 bits

}  // namespace

bool valid_daemon_id(std::string_view text) {
  return text.size() == daemon_digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string Token::text() const { return base::concat(version, daemon, '.', created, '.', session); }

std::optional<Token> parse_token(std::string_view text) {
  if (!text.starts_with(version)) return std::nullopt;
  text.remove_prefix(version.size());
  if (text.size() <= daemon_digits || text[daemon_digits] != '.') return std::nullopt;
  Token token;
  token.daemon = text.substr(0, daemon_digits);
  text.remove_prefix(daemon_digits + 1);
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot > most_digits) return std::nullopt;
  const auto created = base::parse_unsigned(text.substr(0, dot));
  if (!created || *created == 0 || text.front() == '0') return std::nullopt;
  token.created = static_cast<std::int64_t>(*created);
  token.session = text.substr(dot + 1);
  if (!valid_daemon_id(token.daemon) || !base::valid_name(token.session)) return std::nullopt;
  return token;
}

std::string unfinished_name(const Token& token) { return base::concat(unfinished, token.text()); }

std::optional<Token> token_of_unfinished(std::string_view name) {
  if (!name.starts_with(unfinished)) return std::nullopt;
  return parse_token(name.substr(unfinished.size()));
}

}  // namespace unionroot::owned
