// Chooses sessions, for the verbs that take several or --all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/manager.h"

namespace unionroot::cli {

// The caller's own sessions; for root: everybody's. Sorted by name. wanted: called with each session's dictionary;
// false leaves the session out.
std::vector<std::string> all_sessions(Manager& manager, const std::function<bool(const nlohmann::json&)>& wanted);

// The names on the command line without their namespace, each once. Throws UsageError if there are none without `all`,
// or some with `all`.
std::vector<std::string> chosen_sessions(const std::vector<std::string>& given, bool all);

// Calls `action` for each session: of chosen_sessions(), or of all_sessions() with `all`. With `all`, a session that
// has ended since it was listed is skipped. Reports each failure under the verb's name and goes on. Returns the exit
// status: failure if one failed. doing: "ending", for the progress line. The action writes nothing to stderr.
int for_each_session(std::string_view verb, std::string_view doing, const std::vector<std::string>& sessions, bool all,
                     const std::function<void(const std::string&)>& action);

// The same for chosen_sessions(), with whole ids only (session_start.h). If there is no such session, the error lists
// those whose ids begin with the name.
int for_each_named_session(Manager& manager, std::string_view verb, std::string_view doing,
                           const std::vector<std::string>& given,
                           const std::function<void(const std::string&)>& action);

// True if the session is the caller's own. Always true for root.
bool may_see_as_own(const nlohmann::json& session);

// A string of a dictionary, or empty.
std::string text_of(const nlohmann::json& dictionary, const char* key);
// A boolean of a dictionary; false if there is none.
bool is_true(const nlohmann::json& dictionary, const char* key);

}  // namespace unionroot::cli
