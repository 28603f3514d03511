// Resolves a name from a caller: a chroot, the source of one, or a session.
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
// A bare name means a chroot, by name or alias; else the source of a chroot, as NAME-source; else a session. The same
// function checks the name of a new session. So no session can take the name of a chroot or a source, except with
// front_end.
class Resolver {
 public:
  Resolver(const session::Sessions& core, const definition::Registry& registry) : core_(core), registry_(registry) {}

  [[nodiscard]] SelectedChroot chroot(const std::string& name) const;
  [[nodiscard]] std::variant<session::SessionView, SelectedChroot> target(const std::string& name) const;
  // A session, from "session:ID" or "ID".
  [[nodiscard]] session::SessionView session(const std::string& name) const;
  // The present definition of the chroot; nullptr if it is gone or broken.
  [[nodiscard]] definition::DefinitionPtr today(const std::string& chroot) const;
  // Checks the name of a new session: it must be valid, and mean no chroot or source. front_end: it may mean one, as in
  // schroot, where sessions and chroots have separate names.
  void require_free(const std::string& name, bool front_end = false) const;

 private:
  const session::Sessions& core_;
  const definition::Registry& registry_;
};

// "chroot 'sid'" or "the source of chroot 'sid'", for messages.
std::string chroot_title(const SelectedChroot& chroot);

}  // namespace unionroot::daemon
