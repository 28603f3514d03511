// The names that users give: chroots, sessions, namespaces.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::base {

// ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ and at most 200 characters, so that it fits in a file name with a prefix and a suffix.
bool valid_name(std::string_view name);

// Throws Error(invalid_argument) naming `what` ("session name", "chroot name") and the rule.
void require_valid_name(std::string_view what, std::string_view name);

enum class Namespace { none, chroot, source, session };

struct QualifiedName {
  Namespace space = Namespace::none;  // none: no prefix was given
  std::string name;
};

// "source:NAME" -> {source, NAME}. Throws Error(invalid_argument) for an unknown namespace or an invalid name.
QualifiedName parse_qualified_name(std::string_view text);

}  // namespace unionroot::base
