// unionroot reset: undoes what the commands of a session have changed.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session_start.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot reset [OPTION]... SESSION [PATH]...

Undoes what the commands of a session have changed: the tree is again as it was before. With
PATHs it resets only these paths in the session, and what is beneath them. What unionroot wrote
itself when the session began is kept, or written again. No command may run in the session.

For a renamed file give both paths, or neither. 'unionroot diff' lists the changes.

Options:
      --keep GLOB       do not reset this, nor what is beneath it: a path, or a name in any
                        folder, with the wildcards *, ? and [...]; repeatable
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0, also if there was nothing to undo; 125 if the reset was refused, or failed.

Examples:
  unionroot reset mybuild
  unionroot reset mybuild /etc /usr/local
  unionroot reset --keep /srv/results --keep '*.log' mybuild
)";

class Reset : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_option("PATH", paths_);
    app.add_option("--keep", keep_)->type_name("GLOB")->allow_extra_args(false);
  }

  int execute(const std::string& config) override {
    const auto session = session_name(session_);
    Manager manager(config);
    bus::Options options;
    if (!paths_.empty()) options.emplace_back("paths", bus::ByteLists{paths_});
    if (!keep_.empty()) options.emplace_back("keep", bus::ByteLists{keep_});
    ask_for_progress(options);
    const auto answer = with_whole_id(manager, session, [&](const std::string& id) {
      return manager.call("Reset", bus::Body().text(id).options(options), base::concat("resetting ", id));
    });
    if (!value_of<bool>(answer, 0)) print_remark(base::concat("reset: there was nothing to take back in ", session));
    return success;
  }

 private:
  std::string session_;
  std::vector<std::string> paths_, keep_;
};

}  // namespace

const VerbEntry reset_verb = {"reset", "take back what was changed in a session", help, Split::none, make_verb<Reset>};

}  // namespace unionroot::cli
