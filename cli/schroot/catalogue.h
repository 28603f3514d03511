// The names that there are, in schroot's three namespaces, from the daemon's lists. Plain values.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/names.h"

namespace unionroot::schroot {

struct Entry {
  base::Namespace space = base::Namespace::chroot;
  std::string name;
  std::string target;  // the name of the chroot or session that is meant
  // Another name for something that has an entry of its own. As in schroot, the session that every plain chroot seems
  // to have is one too.
  bool alias = false;
  bool plain = false;  // type=plain: it is used as it is, and has no sessions
};

class Catalogue {
 public:
  // Of the answers of ListChroots and ListSessions.
  Catalogue(const nlohmann::json& chroots, const nlohmann::json& sessions);

  // nullptr if there is none.
  [[nodiscard]] const Entry* find(base::Namespace space, const std::string& name) const;
  // Sorted by namespace and name.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] bool has_chroots() const;

 private:
  void add_chroot(const nlohmann::json& chroot);
  void add_session(const nlohmann::json& session);
  std::vector<Entry> entries_;
};

// "session:NAME"
std::string qualified(base::Namespace space, const std::string& name);

// What a name on the command line says: its namespace, or `usual` where it has none. Throws Mistake for a namespace
// that does not exist.
base::QualifiedName split_name(const std::string& given, base::Namespace usual);

}  // namespace unionroot::schroot
