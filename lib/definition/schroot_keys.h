// A definition as schroot writes one: the keys that `schroot --config` shows, and those of a session's file in
// /var/lib/schroot/session. Pure.
#pragma once

#include <map>
#include <string>

#include "definition/definition.h"
#include "definition/settings.h"

namespace unionroot::definition {

using SchrootKeys = std::map<std::string, std::string>;

// Whether it was read from schroot's own configuration.
bool is_of_schroot(const Definition& definition, const Settings& settings);

// Whether schroot knows unions for its type.
bool may_have_union(const Definition& definition);

// All of schroot's keys for it, the empty ones too.
SchrootKeys schroot_keys(const Definition& definition);

struct SchrootSession {
  std::string id;
  std::string chroot;    // the definition's name
  std::string selected;  // the name or alias that was asked for; a namespace is left out
  std::string owner;     // who alone may use it
  std::string location;  // on the host
  std::string upper;     // where its layer is; empty: nowhere
  bool as_root = false;  // the lists that it was begun with let the owner be root inside
};
// definition: the session's own, which may be a source variant.
SchrootKeys schroot_keys(const Definition& definition, const SchrootSession& session);

// "[name]" and the keys, one a line.
std::string schroot_section(const std::string& name, const SchrootKeys& keys);

}  // namespace unionroot::definition
