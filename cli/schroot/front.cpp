#include "schroot/front.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "schroot/details.h"
#include "schroot/messages.h"
#include "schroot/said.h"

namespace unionroot::schroot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::Namespace;

namespace {

// "29 Nov 2026". It is always English: this program sets no locale, so it has the C locale.
std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[32];
  const auto size = std::strftime(text, sizeof text, "%d %b %Y", &parts);
  return {text, size};
}

}  // namespace

Front::Front(const CommandLine& line)
    : line_(line),
      manager_(
          "",
          [this](const cli::Advance& advance) {
            // Output of set-up scripts comes with these prefixes.
            if (advance.what.starts_with("I: ")) return say_information(advance.what.substr(3));
            if (advance.what.starts_with("E: ")) return say_error(advance.what.substr(3));
            if (line_.quiet || !advance.what.starts_with("waiting ") || advance.what == waiting_) return;
            waiting_ = advance.what;
            say_information(waiting_);
          },
          // As in schroot, only -u asks for a password.
          line.user ? cli::Manager::Asking::allowed : cli::Manager::Asking::never) {}

void Front::warn_of_definitions() {
  const auto answer = manager_.call("SchrootWarnings", {}, {});
  for (const auto& line : cli::value_of<std::vector<std::string>>(answer, 0)) {
    const auto text = line.substr(std::min<std::size_t>(line.size(), 3));
    line.starts_with("W") ? say_warning(text) : say_information(text);
  }
}

int Front::run() {
  warn_of_definitions();
  switch (line_.action) {
    case Action::help:
    case Action::version: break;
    case Action::list: return list();
    case Action::info: return info();
    case Action::config: return config();
    case Action::location: return location();
    case Action::begin_session: return begin();
    case Action::recover_session:
      return each_session([this](const Target& target) { recover(target); }, "setup-recover");
    case Action::end_session: return each_session([this](const Target& target) { end(target); }, "setup-stop");
    case Action::run_session:
    case Action::automatic_session: return run_in_each();
  }
  return 0;
}

Namespace Front::usual_namespace() const {
  switch (line_.action) {
    case Action::run_session:
    case Action::recover_session:
    case Action::end_session: return Namespace::session;
    default: return Namespace::chroot;
  }
}

const Catalogue& Front::catalogue() {
  if (!catalogue_) {
    const auto chroots = manager_.call("ListChroots", {}, {});
    const auto sessions = manager_.call("ListSessions", {}, {});
    catalogue_.emplace(cli::value_of<nlohmann::json>(chroots, 0), cli::value_of<nlohmann::json>(sessions, 0));
    if (!catalogue_->has_chroots())
      say_warning("No chroots are defined in ‘/etc/schroot/schroot.conf’ or ‘/etc/schroot/chroot.d’");
  }
  return *catalogue_;
}

std::vector<Front::Target> Front::named() const {
  std::vector<Target> targets;
  for (const auto& given : line_.chroots) targets.push_back({given, split_name(given, usual_namespace()), false});
  return targets;
}

std::vector<Front::Target> Front::of_all(bool with_aliases) {
  const bool nothing_said = !line_.all();
  const bool sources = nothing_said && line_.action != Action::location;
  std::vector<Target> targets;
  for (const auto& entry : catalogue().entries()) {
    const bool wanted = (entry.space == Namespace::chroot && (nothing_said || line_.all_chroots)) ||
                        (entry.space == Namespace::source && (sources || line_.all_sources)) ||
                        (entry.space == Namespace::session && line_.all_sessions);
    if (!wanted || (entry.alias && !with_aliases)) continue;
    targets.push_back({qualified(entry.space, entry.name), {entry.space, entry.name}, true});
  }
  return targets;
}

// A session that is not in the lists was not begun by this program, or does not exist. The daemon knows which.
bool Front::is_there(const Target& target) {
  const auto& [space, name] = target.name;
  const auto* const entry = catalogue().find(space, name);
  if (entry != nullptr) return !is_about_sessions() || space == Namespace::session || entry->plain;
  if (space != Namespace::session) return false;
  try {
    manager_.info(qualified(space, name));
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::no_such_session && error.code() != ErrorCode::invalid_argument) throw;
    return false;
  }
}

void Front::require_name(const Target& target) {
  if (base::valid_name(target.name.name)) return;
  catalogue();  // warns if there are no chroots
  throw not_found({target.given});
}

void Front::require_all(const std::vector<Target>& targets) {
  std::vector<std::string> missing;
  for (const auto& target : targets)
    if (!is_there(target)) missing.push_back(target.given);
  if (!missing.empty()) throw not_found(missing);
}

std::vector<Front::Target> Front::targets() {
  auto wanted = named();
  if (!wanted.empty()) {
    require_all(wanted);
    return wanted;
  }
  if (line_.all() || !is_about_sessions()) return of_all(false);
  throw Mistake("The specified chroots are not defined in ‘/etc/schroot/schroot.conf’");
}

bool Front::is_plain(const Target& target) {
  const auto* const entry = catalogue().find(target.name.space, target.name.name);
  return entry != nullptr && entry->plain;
}

nlohmann::json Front::info_of(const Target& target) {
  const auto* const entry = catalogue().find(target.name.space, target.name.name);
  const bool proxy = entry != nullptr && entry->plain && entry->space == Namespace::session;
  return manager_.info(qualified(proxy ? Namespace::chroot : target.name.space, target.name.name));
}

int Front::list() {
  auto wanted = named();
  require_all(wanted);
  if (wanted.empty()) wanted = of_all(!line_.exclude_aliases);
  std::string text;
  for (const auto& target : wanted) text += cli::safe(target.given) + "\n";
  cli::print(text);
  return 0;
}

int Front::info() {
  std::string text;
  for (const auto& target : targets()) text += concat(text.empty() ? "" : "\n", info_text(info_of(target)));
  cli::print(text);
  return 0;
}

int Front::config() {
  // The output is a keyfile: sections are sorted by name, with a blank line between them.
  std::set<std::pair<std::string, std::string>> sections;
  const auto wanted = targets();
  for (const auto& target : wanted) {
    const auto facts = info_of(target);
    if (auto section = config_text(facts); !section.empty())
      sections.emplace(cli::text_of(facts, "name"), std::move(section));
  }
  if (wanted.empty()) return 0;
  std::string text;
  for (const auto& [name, section] : sections) text += concat(text.empty() ? "" : "\n", section);
  cli::print(config_heading(today()) + text);
  return 0;
}

int Front::location() {
  std::string text;
  for (const auto& target : targets()) {
    text += cli::safe(path_text(info_of(target))) + "\n";
  }
  cli::print(text);
  return 0;
}

Error not_found(const std::vector<std::string>& names) {
  return {ErrorCode::no_such_chroot,
          concat(base::join(names, ", "), names.size() == 1 ? ": Chroot not found" : ": Chroots not found")};
}

}  // namespace unionroot::schroot
