// Choosing sessions, for the verbs that take several or --all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/manager.h"

namespace unionroot::cli {

// The caller's own sessions; for root: everybody's. In the order of their names. wanted: asked of each one's
// dictionary.
std::vector<std::string> all_sessions(Manager& manager, const std::function<bool(const nlohmann::json&)>& wanted);

// The names given on the command line without their namespace, each once; or throws UsageError if there are none and
// not `all`, or both.
std::vector<std::string> chosen_sessions(const std::vector<std::string>& given, bool all);

// Does `action` for each of chosen_sessions, or of all_sessions where `all`: one of those that has ended since it was
// listed, by itself as automatic sessions do, is left out. Reports each failure as the verb's and goes on. Returns the
// exit status: failure if one failed. doing: "ending", for the progress line: many that are quick take their time
// together. The action writes nothing to stderr.
int for_each_session(std::string_view verb, std::string_view doing, const std::vector<std::string>& sessions, bool all,
                     const std::function<void(const std::string&)>& action);

// The same for chosen_sessions: whole ids alone, never the starts of some (session_start.h). Where there is no such
// session the error names those that begin so.
int for_each_named_session(Manager& manager, std::string_view verb, std::string_view doing,
                           const std::vector<std::string>& given,
                           const std::function<void(const std::string&)>& action);

// Whether the caller sees a session as one of his own; root does so with everybody's.
bool may_see_as_own(const nlohmann::json& session);

// A string of a dictionary, or empty.
std::string text_of(const nlohmann::json& dictionary, const char* key);
// A boolean of a dictionary; false if there is none.
bool is_true(const nlohmann::json& dictionary, const char* key);

}  // namespace unionroot::cli
