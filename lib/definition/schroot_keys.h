// Writes a definition with schroot's keys: those that `schroot --config` shows, and those of a session's file in
// /var/lib/schroot/session. Pure.
#pragma once

#include <map>
#include <string>

#include "definition/definition.h"
#include "definition/settings.h"

namespace unionroot::definition {

using SchrootKeys = std::map<std::string, std::string>;

// True if the definition was read from schroot's configuration.
bool is_of_schroot(const Definition& definition, const Settings& settings);

// True if schroot knows unions for the definition's type.
bool may_have_union(const Definition& definition);

// All of schroot's keys for the definition, including empty ones.
SchrootKeys schroot_keys(const Definition& definition);

struct SchrootSession {
  std::string id;
  std::string chroot;    // the definition's name
  std::string selected;  // the requested name or alias; a namespace is removed
  std::string owner;     // the only user who may use it
  std::string location;  // mount point on the host
  std::string upper;     // directory of its upper layer; empty: none
  bool as_root = false;  // the owner may be root inside, by the access lists at its begin
};
// definition: the one stored with the session; it may be a source variant.
SchrootKeys schroot_keys(const Definition& definition, const SchrootSession& session);

// "[name]" and one line per key.
std::string schroot_section(const std::string& name, const SchrootKeys& keys);

}  // namespace unionroot::definition
