// unionroot recover: sets failed sessions up again.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot recover [OPTION]... SESSION...
       unionroot recover [OPTION]... --all

Sets up failed sessions again: those that could not be recovered after a restart. Every file
that was written in them is kept. 'unionroot info SESSION' shows why a session failed. An active
session is not changed.

Options:
  -a, --all             every failed session of yours; for root: every failed session
      --accept-source   recover it even if its tree, image or archive is replaced; root only
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if all are active, 125 if one could not be recovered.

Examples:
  unionroot recover mybuild
  unionroot recover --all
)";

class Recover : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", sessions_);
    app.add_flag("-a,--all", all_);
    app.add_flag("--accept-source", accept_source_);
  }

  int execute(const std::string& config) override {
    auto names = chosen_sessions(sessions_, all_);
    Manager manager(config);
    if (all_)
      names =
          all_sessions(manager, [](const nlohmann::json& session) { return text_of(session, "state") == "failed"; });
    std::vector<std::string> active;
    const auto action = [&](const std::string& session) {
      bus::Options options;
      if (accept_source_) options.emplace_back("accept-source", true);
      ask_for_progress(options);
      const auto answer =
          manager.call("Recover", bus::Body().text(session).options(options), base::concat("recovering ", session));
      if (!all_ && !value_of<bool>(answer, 0)) active.push_back(session);
    };
    const int status = all_ ? for_each_session("recover", "recovering", names, true, action)
                            : for_each_named_session(manager, "recover", "recovering", names, action);
    for (const auto& session : active)
      print_remark(base::concat("recover: session ", session, " is active: there was nothing to recover"));
    return status;
  }

 private:
  std::vector<std::string> sessions_;
  bool all_ = false, accept_source_ = false;
};

}  // namespace

const VerbEntry recover_verb = {"recover", "set up failed sessions again", help, Split::none, make_verb<Recover>};

}  // namespace unionroot::cli
