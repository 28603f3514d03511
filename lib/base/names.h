// The names that users give: chroots, sessions, namespaces.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::base {

// A session's name must fit in a file name with a prefix and a suffix. Chroot names and aliases are not used as file
// names.
inline constexpr std::size_t longest_session_name = 200;
inline constexpr std::size_t longest_chroot_name = 1000;

// ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$, at most `longest` characters.
bool valid_name(std::string_view name, std::size_t longest = longest_session_name);

// Throws Error(invalid_argument) if the name is not valid. The message has `what` ("session name", "name") and the
// rule.
void require_valid_name(std::string_view what, std::string_view name, std::size_t longest = longest_session_name);

// A chroot's name followed by `suffix`. The chroot's name is cut if the result would be too long for a session name.
std::string name_after_chroot(std::string_view chroot, std::string_view suffix);

// True for the name of an environment variable that a shell can set: ^[A-Za-z_][A-Za-z0-9_]*$
bool valid_variable_name(std::string_view name);

enum class Namespace { none, chroot, source, session };

struct QualifiedName {
  Namespace space = Namespace::none;  // none: no prefix was given
  std::string name;
};

// "source:NAME" -> {source, NAME}. Throws Error(invalid_argument) for an unknown namespace or an invalid name.
QualifiedName parse_qualified_name(std::string_view text);

}  // namespace unionroot::base
