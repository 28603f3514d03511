#include "base/names.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::base {

namespace {

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

bool valid_name(std::string_view name, std::size_t longest) {
  if (name.empty() || name.size() > longest || !alphanumeric(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

void require_valid_name(std::string_view what, std::string_view name, std::size_t longest) {
  if (valid_name(name, longest)) return;
  throw Error(ErrorCode::invalid_argument, concat("invalid ", what, " '", printable(name), "'"),
              concat("a name begins with a letter or digit, then has letters, digits, '_', '.' and '-', ", longest,
                     " at most"));
}

bool valid_variable_name(std::string_view name) {
  const auto letter = [](char c) { return alphanumeric(c) && !(c >= '0' && c <= '9'); };
  return !name.empty() && (letter(name.front()) || name.front() == '_') &&
         std::all_of(name.begin(), name.end(), [](char c) { return alphanumeric(c) || c == '_'; });
}

std::string name_after_chroot(std::string_view chroot, std::string_view suffix) {
  return concat(chroot.substr(0, longest_session_name - suffix.size()), suffix);
}

QualifiedName parse_qualified_name(std::string_view text) {
  QualifiedName result;
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto space = text.substr(0, colon);
    if (space == "chroot")
      result.space = Namespace::chroot;
    else if (space == "source")
      result.space = Namespace::source;
    else if (space == "session")
      result.space = Namespace::session;
    else
      throw Error(ErrorCode::invalid_argument, concat("no such namespace '", printable(space), "'"),
                  "the namespaces are chroot:, source: and session:");
    text.remove_prefix(colon + 1);
  }
  if (result.space == Namespace::session)
    require_valid_name("session name", text);
  else
    require_valid_name("name", text, longest_chroot_name);
  result.name = text;
  return result;
}

}  // namespace unionroot::base
