// unionroot location: prints where a session's tree can be seen.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/session_start.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot location [OPTION]... SESSION

Prints the directory on the host where the session's tree can be seen and changed.

Options:
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot location mybuild
  cp hello.dsc "$(unionroot location mybuild)/var/tmp/"
)";

class Location : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("SESSION", session_)->required(); }

  int execute(const std::string& config) override {
    const auto session = session_name(session_);
    Manager manager(config);
    const auto answer = with_session(manager, session, Among::all, [&](const std::string& id) {
      return manager.call("Location", bus::Body().text(id), base::concat("looking up ", id));
    });
    print(base::name_from_utf8(value_of<std::string>(answer, 0)) + "\n");
    return success;
  }

 private:
  std::string session_;
};

}  // namespace

const VerbEntry location_verb = {"location", "print where a session's tree can be seen", help, Split::none,
                                 make_verb<Location>};

}  // namespace unionroot::cli
