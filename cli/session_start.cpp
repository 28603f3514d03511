#include "cli/session_start.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/sessions.h"

namespace unionroot::cli {

namespace {

// A shorter one is a slip of the hand rather.
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

}  // namespace

SessionIds::SessionIds(Manager& manager)
    : sessions_(value_of<nlohmann::json>(manager.call("ListSessions", {}, "listing the sessions"), 0)) {}

std::string SessionIds::whole(const std::string& name, Among among) const {
  std::vector<std::string> found;
  for (const auto& session : sessions_) {
    if (session.is_object() && text_of(session, "id") == name) return name;
    if (may_be_meant(session, name, among)) found.push_back(text_of(session, "id"));
  }
  if (found.size() <= 1) return found.empty() ? name : found.front();
  std::sort(found.begin(), found.end());
  constexpr std::size_t most_shown = 8;
  const auto count = found.size();
  if (count > most_shown) {
    found.resize(most_shown);
    found.emplace_back("...");
  }
  throw base::Error(base::ErrorCode::invalid_argument,
                    base::concat("'", name, "' is the start of ", count, " sessions: ", base::join(found, ", ")),
                    "give more of the one that is meant");
}

}  // namespace unionroot::cli
