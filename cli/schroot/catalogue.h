// All names in schroot's three namespaces, from the daemon's lists. Plain values.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/names.h"

namespace unionroot::schroot {

struct Entry {
  base::Namespace space = base::Namespace::chroot;
  std::string name;
  std::string target;  // the chroot or session to which the name leads
  // True if this is another name for something that has its own entry. As in schroot, the apparent session of a plain
  // chroot is an alias too.
  bool alias = false;
  bool plain = false;  // type=plain: the tree is used as it is, without sessions
};

class Catalogue {
 public:
  // Takes the answers of ListChroots and ListSessions.
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

// Splits a name from the command line. `usual` is used if it has no namespace. Throws Mistake if the namespace does not
// exist.
base::QualifiedName split_name(const std::string& given, base::Namespace usual);

}  // namespace unionroot::schroot
