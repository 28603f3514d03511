// What a name means that a caller gives: a chroot, the source of one, or a session.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/names.h"
#include "definition/registry.h"
#include "session/sessions.h"

namespace unionroot::daemon {

// A chroot or the source of one.
struct SelectedChroot {
  definition::DefinitionPtr definition;
  bool source = false;
};

// Thread-safe. Every method throws base::Error.
//
// A bare name means a chroot, by name or alias, if there is one; else the source of a chroot, as NAME-source; else a
// session. One function decides that, for the name of a new session as for the name that a command is run by: so no
// session can be begun that would take a command which is meant for a chroot or its source.
class Resolver {
 public:
  Resolver(const session::Sessions& core, const definition::Registry& registry) : core_(core), registry_(registry) {}

  [[nodiscard]] SelectedChroot chroot(const std::string& name) const;
  [[nodiscard]] std::variant<session::SessionView, SelectedChroot> target(const std::string& name) const;
  // "session:ID" or "ID", for what only sessions have.
  [[nodiscard]] session::SessionView session(const std::string& name) const;
  // The chroot as it is today; nullptr if it is not there any more, or is broken.
  [[nodiscard]] definition::DefinitionPtr today(const std::string& chroot) const;
  // For the name of a new session: one that means nothing yet. front_end: it may be a chroot's, as in schroot, where
  // sessions are named apart from chroots.
  void require_free(const std::string& name, bool front_end = false) const;

 private:
  const session::Sessions& core_;
  const definition::Registry& registry_;
};

// "chroot 'sid'" or "the source of chroot 'sid'", for messages.
std::string chroot_title(const SelectedChroot& chroot);

}  // namespace unionroot::daemon
