#include "daemon/configuration_events.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace unionroot::daemon {

namespace {

using definition::DefinitionPtr;
using definition::Problem;
using events::Kind;

events::Event of_chroot(Kind kind, const std::string& name) {
  events::Event event{kind};
  event.chroot = name;
  return event;
}

// Without the line number: lines added above a definition do not change it.
std::string content(const DefinitionPtr& definition) {
  auto copy = *definition;
  copy.line = 0;
  return serialize(copy);
}

std::map<std::string, DefinitionPtr> by_name(const definition::Snapshot& snapshot) {
  std::map<std::string, DefinitionPtr> found;
  for (const auto& definition : snapshot.chroots) found.emplace(definition->name, definition);
  return found;
}

void compare(const definition::Snapshot& former, const definition::Snapshot& now, std::vector<events::Event>& found) {
  const auto before = by_name(former);
  const auto after = by_name(now);
  for (const auto& [name, definition] : after) {
    const auto known = before.find(name);
    if (known == before.end())
      found.push_back(of_chroot(Kind::chroot_defined, name));
    else if (content(known->second) != content(definition))
      found.push_back(of_chroot(Kind::chroot_changed, name));
  }
  for (const auto& [name, definition] : before)
    if (!after.contains(name)) found.push_back(of_chroot(Kind::chroot_removed, name));
}

events::Priority severity_of(const Problem& problem) {
  switch (problem.severity) {
    case Problem::Severity::error: return events::Priority::error;
    case Problem::Severity::warning: return events::Priority::warning;
    case Problem::Severity::notice: return events::Priority::notice;
  }
  return events::Priority::warning;
}

}  // namespace

std::vector<events::Event> configuration_events(const definition::Snapshot* former, const definition::Snapshot& now) {
  std::vector<events::Event> found;
  if (former != nullptr) compare(*former, now, found);
  std::set<std::string> known;  // problems from before the edit are reported already
  if (former != nullptr)
    for (const auto& problem : former->problems) known.insert(problem.text());
  for (const auto& problem : now.problems) {
    auto text = problem.text();
    if (known.contains(text)) continue;
    auto event = of_chroot(Kind::chroot_problem, problem.section);
    event.error = std::move(text);
    event.severity = severity_of(problem);
    found.push_back(std::move(event));
  }
  return found;
}

}  // namespace unionroot::daemon
