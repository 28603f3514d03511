// unionroot end: ends sessions.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot end [OPTION]... SESSION...
       unionroot end [OPTION]... --all

Ends sessions: kills every process in them and removes them, with everything that was written
in them. The changes of a session on source:TARBALL are packed into the tarball first. Each
session is tried, even if another could not be ended. SESSION must be a whole id.

Options:
  -a, --all             every session of yours; for root: every session
  -f, --force           end it in any state; shows what could not be undone
      --discard         pack nothing: the changes to source:TARBALL are deleted
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if all were ended, 125 if one was not.

Examples:
  unionroot end "$id"
  unionroot end --force mybuild
  unionroot end --discard mychange
  unionroot end --all
)";

class End : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", sessions_);
    app.add_flag("-a,--all", all_);
    app.add_flag("-f,--force", force_);
    app.add_flag("--discard", discard_);
  }

  int execute(const std::string& config) override {
    auto names = chosen_sessions(sessions_, all_);
    Manager manager(config);
    if (all_) names = all_sessions(manager, [](const nlohmann::json&) { return true; });
    std::vector<std::string> left;
    const auto action = [&](const std::string& session) {
      bus::Options options;
      if (force_) options.emplace_back("force", true);
      if (discard_) options.emplace_back("discard", true);
      ask_for_progress(options);
      const auto answer =
          manager.call("End", bus::Body().text(session).options(options), base::concat("ending ", session));
      for (const auto& what : value_of<std::vector<std::string>>(answer, 0))
        left.push_back(base::concat("ending ", session, ": left behind: ", what));
    };
    const int status = all_ ? for_each_session("end", "ending", names, true, action)
                            : for_each_named_session(manager, "end", "ending", names, action);
    for (const auto& what : left) print_error(what, "");
    return left.empty() ? status : failure;
  }

 private:
  std::vector<std::string> sessions_;
  bool all_ = false, force_ = false, discard_ = false;
};

}  // namespace

const VerbEntry end_verb = {"end", "end sessions", help, Split::none, make_verb<End>};

}  // namespace unionroot::cli
