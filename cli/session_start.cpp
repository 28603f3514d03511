#include "cli/session_start.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/sessions.h"

namespace unionroot::cli {

namespace {

// A shorter start is probably a typing error.
constexpr std::size_t shortest_start = 3;

bool is_of_caller(const nlohmann::json& session) {
  const auto owner = session.find("owner-uid");
  return owner != session.end() && owner->is_number() && *owner == ::geteuid();
}

bool may_be_meant(const nlohmann::json& session, const std::string& start, Among among) {
  if (!session.is_object() || start.size() < shortest_start || !text_of(session, "id").starts_with(start)) return false;
  if (among == Among::all) return may_see_as_own(session);
  const auto chroot = text_of(session, "chroot") + "-";
  return is_of_caller(session) && start.size() > chroot.size() && start.starts_with(chroot);
}

nlohmann::json list_sessions(Manager& manager) {
  return value_of<nlohmann::json>(manager.call("ListSessions", {}, "listing the sessions"), 0);
}

// The first few, sorted.
std::string listed(std::vector<std::string> ids) {
  constexpr std::size_t most_shown = 8;
  std::sort(ids.begin(), ids.end());
  if (ids.size() > most_shown) {
    ids.resize(most_shown);
    ids.emplace_back("...");
  }
  return base::join(ids, ", ");
}

}  // namespace

std::string whole_id(Manager& manager, const std::string& name, Among among) {
  std::vector<std::string> found;
  for (const auto& session : list_sessions(manager)) {
    if (session.is_object() && text_of(session, "id") == name) return name;
    if (may_be_meant(session, name, among)) found.push_back(text_of(session, "id"));
  }
  if (found.size() <= 1) return found.empty() ? name : found.front();
  const auto count = found.size();
  throw base::Error(
      base::ErrorCode::invalid_argument,
      base::concat("'", name, "' is the start of the ids of ", count, " sessions: ", listed(std::move(found))),
      "give more of the id");
}

std::string hint_of_start(Manager& manager, const std::string& name) {
  auto found = all_sessions(manager, [&](const nlohmann::json& session) {
    return may_be_meant(session, name, Among::all) && text_of(session, "id") != name;
  });
  if (found.empty()) return {};
  const bool one = found.size() == 1;
  return base::concat(one ? "a session id begins with it: " : "session ids begin with it: ", listed(std::move(found)),
                      "; give the whole id");
}

}  // namespace unionroot::cli
