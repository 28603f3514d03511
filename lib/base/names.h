// The names that users give: chroots, sessions, namespaces.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::base {

// A session's name fits in a file name with a prefix and a suffix. A chroot's, or an alias, becomes no file name.
inline constexpr std::size_t longest_session_name = 200;
inline constexpr std::size_t longest_chroot_name = 1000;

// ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ and no longer than that.
bool valid_name(std::string_view name, std::size_t longest = longest_session_name);

// Throws Error(invalid_argument) naming `what` ("session name", "name") and the rule.
void require_valid_name(std::string_view what, std::string_view name, std::size_t longest = longest_session_name);

// The start of what is called after a chroot, `suffix` behind it: cut, if the whole would be no session's name.
std::string name_after_chroot(std::string_view chroot, std::string_view suffix);

// Of an environment variable, as a shell can set it: ^[A-Za-z_][A-Za-z0-9_]*$
bool valid_variable_name(std::string_view name);

enum class Namespace { none, chroot, source, session };

struct QualifiedName {
  Namespace space = Namespace::none;  // none: no prefix was given
  std::string name;
};

// "source:NAME" -> {source, NAME}. Throws Error(invalid_argument) for an unknown namespace or an invalid name.
QualifiedName parse_qualified_name(std::string_view text);

}  // namespace unionroot::base
