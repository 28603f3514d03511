#include "events/flood_limit.h"

#include <algorithm>

namespace unionroot::events {

bool FloodLimit::admits(uid_t uid, Clock::time_point now) {
  std::erase_if(windows_,
                [now](const auto& each) { return each.second.untold == 0 && each.second.begin + window <= now; });
  const bool has_own = windows_.contains(uid) || windows_.size() < most_users;
  auto& of_user = windows_.try_emplace(has_own ? std::optional(uid) : std::nullopt, Window{now}).first->second;
  if (of_user.told < told_in_a_window) {
    ++of_user.told;
    return true;
  }
  ++of_user.untold;
  return false;
}

std::vector<FloodLimit::Untold> FloodLimit::over(Clock::time_point now) {
  std::vector<Untold> found;
  std::erase_if(windows_, [&](const auto& each) {
    const auto& [uid, of_user] = each;
    if (of_user.begin + window > now) return false;
    if (of_user.untold != 0) found.push_back({uid, of_user.untold});
    return true;
  });
  return found;
}

std::optional<FloodLimit::Clock::time_point> FloodLimit::next() const {
  std::optional<Clock::time_point> first;
  for (const auto& [uid, of_user] : windows_)
    if (of_user.untold != 0) first = std::min(first.value_or(of_user.begin + window), of_user.begin + window);
  return first;
}

}  // namespace unionroot::events
