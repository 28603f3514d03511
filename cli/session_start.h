// A session may be named by the start of its id where nothing is lost by a wrong guess. What is the whole name of
// something comes first, always. Verbs that end or change sessions take whole ids alone: the session of that name may
// have ended a moment ago, and the start of another's id is then no word for that one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/names.h"
#include "cli/manager.h"

namespace unionroot::cli {

// Among which sessions a start is looked for.
enum class Among {
  all,     // the caller's own; for root: everybody's
  beyond,  // the caller's own, and the start goes beyond the name of the session's chroot: a chroot may be meant
};

// The name itself if a session is called so, or if no session's id begins so. Throws Error(invalid_argument) that names
// them if several do.
std::string whole_id(Manager& manager, const std::string& name, Among among);

// For whom gave a name that no session has: those of the caller's sessions (for root: of all) whose ids begin so.
// Empty if there are none.
std::string hint_of_start(Manager& manager, const std::string& name);

// For verbs that end or change a session: the name is taken as it is. If there is no such session the error's hint is
// hint_of_start's.
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

// Asks for what `action` does with the session of that name; if there is none, with the one whose id begins so.
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
