#include "cli/sessions.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session_start.h"
#include "cli/verb.h"

namespace unionroot::cli {

bool may_see_as_own(const nlohmann::json& session) {
  const auto owner = session.find("owner-uid");
  return ::geteuid() == 0 || (owner != session.end() && owner->is_number() && *owner == ::geteuid());
}

std::string text_of(const nlohmann::json& dictionary, const char* key) {
  const auto found = dictionary.find(key);
  return found != dictionary.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_true(const nlohmann::json& dictionary, const char* key) {
  const auto found = dictionary.find(key);
  return found != dictionary.end() && found->is_boolean() && found->get<bool>();
}

std::vector<std::string> all_sessions(Manager& manager, const std::function<bool(const nlohmann::json&)>& wanted) {
  const auto answer = manager.call("ListSessions", {}, "listing the sessions");
  std::vector<std::string> names;
  for (const auto& session : value_of<nlohmann::json>(answer, 0))
    if (session.is_object() && may_see_as_own(session) && wanted(session)) names.push_back(text_of(session, "id"));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> chosen_sessions(const std::vector<std::string>& given, bool all) {
  if (all && !given.empty()) throw UsageError("both --all and the name of a session were given");
  if (!all && given.empty())
    throw UsageError("SESSION is missing", "'unionroot list --sessions' shows them; --all means all of yours");
  std::vector<std::string> names;
  for (const auto& name : given) {
    auto plain = session_name(name);
    if (std::find(names.begin(), names.end(), plain) == names.end()) names.push_back(std::move(plain));
  }
  return names;
}

int for_each_session(std::string_view verb, std::string_view doing, const std::vector<std::string>& sessions, bool all,
                     const std::function<void(const std::string&)>& action) {
  int status = success;
  Progress progress({});
  std::size_t number = 0;
  for (const auto& session : sessions) {
    if (sessions.size() > 1)
      progress.advance({base::concat(doing, ' ', session, " (", ++number, " of ", sessions.size(), ")")});
    try {
      action(session);
    } catch (const base::Error& error) {
      if (all && error.code() == base::ErrorCode::no_such_session) continue;
      progress.clear();
      print_error(base::concat(verb, ": "), error);
      status = failure;
    }
  }
  return status;
}

int for_each_named_session(Manager& manager, std::string_view verb, std::string_view doing,
                           const std::vector<std::string>& given,
                           const std::function<void(const std::string&)>& action) {
  return for_each_session(verb, doing, given, false,
                          [&](const std::string& name) { with_whole_id(manager, name, action); });
}

}  // namespace unionroot::cli
