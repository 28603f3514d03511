#include "daemon/resolver.h"

#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "daemon/authorization.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::Namespace;
using base::printable;

constexpr std::string_view source_suffix = "-source";

// A chroot's name in the configuration, and whether its source is meant. The definition may be broken, and the chroot
// may have no source.
struct Meaning {
  std::string chroot;
  bool source = false;
};

std::optional<Meaning> meaning_of(const definition::Snapshot& configuration, Namespace space, const std::string& name) {
  const auto is_known = [&](const std::string& chroot) {
    return configuration.find(chroot) != nullptr || configuration.broken(chroot) != nullptr;
  };
  if (is_known(name)) return Meaning{name, space == Namespace::source};
  // As in schroot, a source also has the names NAME-source and ALIAS-source.
  if (space == Namespace::source || !name.ends_with(source_suffix)) return std::nullopt;
  auto chroot = name.substr(0, name.size() - source_suffix.size());
  if (!is_known(chroot)) return std::nullopt;
  return Meaning{std::move(chroot), true};
}

// Why a chroot has no source:NAME, and how its tree is changed instead.
std::string change_without_source(const definition::Definition& definition) {
  const auto in_lock = concat("`unionroot lock ", definition.name, "` keeps sessions away meanwhile");
  if (!definition.clonable()) return concat("its sessions work on the tree itself: use chroot:", definition.name);
  if (definition.type == "layers") return concat("a stack has no one tree to change: change its folders; ", in_lock);
  if (definition.type == "oci")
    return "its layers are what their digests say: make another image, and a new session stands on that";
  if (definition.type == "custom")
    return concat("its definition does not say custom-source-cloneable=yes (", place_of(definition), ")");
  if (definition.line == 0) return "change the machine itself, without a session";
  return concat("its definition says source-clone=no (", place_of(definition), ")");
}

SelectedChroot selected(definition::DefinitionPtr definition, bool source) {
  if (source && !(definition->clonable() && definition->source_clone))
    throw Error(ErrorCode::no_such_chroot, concat("chroot '", definition->name, "' has no source to change"),
                change_without_source(*definition));
  return {std::move(definition), source};
}

}  // namespace

SelectedChroot Resolver::chroot(const std::string& name) const {
  const auto wanted = base::parse_qualified_name(name);
  if (wanted.space == Namespace::session)
    throw Error(ErrorCode::invalid_argument, concat("'", printable(name), "' is a session already"),
                "give a chroot; `unionroot list --chroots` lists them");
  const auto meaning = meaning_of(*registry_.snapshot(), wanted.space, wanted.name);
  // require() throws the error for a broken or unknown chroot.
  return selected(registry_.require(meaning ? meaning->chroot : wanted.name),
                  wanted.space == Namespace::source || (meaning && meaning->source));
}

std::variant<session::SessionView, SelectedChroot> Resolver::target(const std::string& name) const {
  const auto wanted = base::parse_qualified_name(name);
  if (wanted.space == Namespace::session) return core_.require(wanted.name);
  if (wanted.space != Namespace::none || meaning_of(*registry_.snapshot(), wanted.space, wanted.name))
    return chroot(name);
  if (auto session = core_.find(wanted.name)) return std::move(*session);
  try {
    return chroot(name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::no_such_chroot) throw;
    throw Error(error.code(), concat(error.what(), ", and no session"),
                concat(error.hint(), "; `unionroot list --sessions` shows the sessions"));
  }
}

session::SessionView Resolver::session(const std::string& name) const {
  const auto wanted = base::parse_qualified_name(name);
  if (wanted.space != Namespace::none && wanted.space != Namespace::session)
    throw Error(ErrorCode::invalid_argument, concat("'", printable(name), "' names a chroot, not a session"),
                "`unionroot list --sessions` lists the sessions");
  return core_.require(wanted.name);
}

definition::DefinitionPtr Resolver::today(const std::string& chroot) const {
  return registry_.snapshot()->find(chroot);
}

void Resolver::require_free(const std::string& name, bool front_end) const {
  base::require_valid_name("session name", name);
  if (front_end) return;
  const auto meaning = meaning_of(*registry_.snapshot(), Namespace::none, name);
  if (meaning)
    throw Error(ErrorCode::invalid_argument,
                concat("a session cannot be named '", name, "': that is the name of ",
                       meaning->chroot == name ? "a chroot" : concat("the source of chroot '", meaning->chroot, "'")),
                "choose another name, or leave it out");
}

std::string chroot_title(const SelectedChroot& chroot) {
  return concat(chroot.source ? "the source of chroot '" : "chroot '", chroot.definition->name, "'");
}

}  // namespace unionroot::daemon
