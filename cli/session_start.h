// A verb accepts the start of a session's id if a wrong guess does no harm. A whole name always comes first. Verbs that
// end or change sessions accept only whole ids: the session of that name may have just ended, and its name may be the
// start of another session's id.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/names.h"
#include "cli/manager.h"

namespace unionroot::cli {

// The sessions among which a start is searched.
enum class Among {
  all,     // the caller's own; for root: everybody's
  beyond,  // the caller's own, if the start is longer than "CHROOT-": else it may mean a chroot
};

// The whole id. It is the name itself if a session has that name, or if no session's id begins with it. Throws
// Error(invalid_argument) that lists the sessions if several ids do.
std::string whole_id(Manager& manager, const std::string& name, Among among);

// A hint for a name that no session has: the caller's sessions (for root: all) whose ids begin with it. Empty if there
// are none.
std::string hint_of_start(Manager& manager, const std::string& name);

// For verbs that end or change a session: uses the name as it is. If there is no such session, the error's hint is that
// of hint_of_start().
template <typename Action>
auto with_whole_id(Manager& manager, const std::string& name, const Action& action) {
  try {
    return action(name);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::no_such_session) throw;
    const auto hint = hint_of_start(manager, name);
    if (hint.empty()) throw;
    throw base::Error(error.code(), error.what(), hint);
  }
}

// Calls `action` with the name. If there is no such session or chroot, calls it with the session whose id begins with
// the name.
template <typename Action>
auto with_session(Manager& manager, const std::string& name, Among among, const Action& action) {
  try {
    return action(name);
  } catch (const base::Error& error) {
    using base::ErrorCode;
    if (error.code() != ErrorCode::no_such_session && error.code() != ErrorCode::no_such_chroot) throw;
    const auto id = whole_id(manager, name, among);
    if (id == name) throw;
    return action(among == Among::beyond ? "session:" + id : id);
  }
}

// The same for the name of a chroot or a session, perhaps with its namespace.
template <typename Action>
auto with_chroot_or_session(Manager& manager, const std::string& given, const Action& action) {
  const auto name = base::parse_qualified_name(given);
  if (name.space == base::Namespace::none) return with_session(manager, given, Among::beyond, action);
  if (name.space != base::Namespace::session) return action(given);
  return with_session(manager, name.name, Among::all, [&](const std::string& id) { return action("session:" + id); });
}

}  // namespace unionroot::cli
