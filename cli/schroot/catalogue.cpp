#include "schroot/catalogue.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

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

}  // namespace

std::string qualified(Namespace space, const std::string& name) { return base::concat(word_of(space), ":", name); }

base::QualifiedName split_name(const std::string& given, Namespace usual) {
  const auto colon = given.find(':');
  if (colon == std::string::npos) return {usual, given};
  if (colon == 0) return {usual, given.substr(1)};
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
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::make_pair(qualified(a.space, a.name), a.alias) < std::make_pair(qualified(b.space, b.name), b.alias);
  });
  // An alias may equal the chroot's own name or that of another chroot. The own name is sorted first, and unique()
  // keeps the first.
  const auto same = [](const Entry& a, const Entry& b) { return a.space == b.space && a.name == b.name; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
}

void Catalogue::add_chroot(const json& row) {
  if (cli::text_of(row, "file") == "built-in") return;  // every chroot of schroot is defined in a file
  const auto name = cli::text_of(row, "name");
  const bool plain = cli::text_of(row, "type") == "plain";
  const bool source = cli::is_true(row, "source-clone");
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
  if (cli::is_true(row, "front-end")) entries_.push_back({Namespace::session, id, id, false, false});
}

bool Catalogue::has_chroots() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.space == Namespace::chroot; });
}

const Entry* Catalogue::find(Namespace space, const std::string& name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.space == space && entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace unionroot::schroot
