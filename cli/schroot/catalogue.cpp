#include "schroot/catalogue.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/sessions.h"
#include "schroot/messages.h"

namespace unionroot::schroot {

using base::Namespace;
using nlohmann::json;

namespace {

const char* word_of(Namespace space) {
  switch (space) {
    case Namespace::source: return "source";
    case Namespace::session: return "session";
    case Namespace::chroot:
    case Namespace::none: break;
  }
  return "chroot";
}

bool is_true(const json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

std::string qualified(Namespace space, const std::string& name) { return base::concat(word_of(space), ":", name); }

base::QualifiedName split_name(const std::string& given, Namespace usual) {
  const auto colon = given.find(':');
  if (colon == std::string::npos || colon == 0) return {usual, given};
  const auto space = given.substr(0, colon);
  for (const auto known : {Namespace::chroot, Namespace::source, Namespace::session})
    if (space == word_of(known)) return {known, given.substr(colon + 1)};
  throw Mistake(base::concat(space, ": No such namespace"));
}

Catalogue::Catalogue(const json& chroots, const json& sessions) {
  for (const auto& row : chroots)
    if (row.is_object()) add_chroot(row);
  for (const auto& row : sessions)
    if (row.is_object()) add_session(row);
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return qualified(a.space, a.name) < qualified(b.space, b.name); });
}

void Catalogue::add_chroot(const json& row) {
  if (cli::text_of(row, "file") == "built-in") return;  // schroot has none that is in no file
  const auto name = cli::text_of(row, "name");
  const bool plain = cli::text_of(row, "type") == "plain";
  const bool source = is_true(row, "source-clone");
  entries_.push_back({Namespace::chroot, name, name, false, plain});
  if (plain) entries_.push_back({Namespace::session, name, name, true, true});
  if (source) entries_.push_back({Namespace::source, name, name, false, false});
  const auto aliases = row.find("aliases");
  if (aliases == row.end() || !aliases->is_array()) return;
  for (const auto& each : *aliases) {
    const auto alias = each.is_string() ? each.get<std::string>() : std::string();
    entries_.push_back({Namespace::chroot, alias, name, true, plain});
    if (!source) continue;
    entries_.push_back({Namespace::source, alias, name, true, false});
    entries_.push_back({Namespace::chroot, alias + "-source", name, true, false});
  }
}

void Catalogue::add_session(const json& row) {
  const auto id = cli::text_of(row, "id");
  if (is_true(row, "front-end")) entries_.push_back({Namespace::session, id, id, false, false});
}

const Entry* Catalogue::find(Namespace space, const std::string& name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.space == space && entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace unionroot::schroot
