// unionroot info: shows everything about a chroot or a session.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/listing.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/session_start.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot info [OPTION]... NAME

Shows everything about a chroot or a session. NAME may be session:ID, chroot:NAME or
source:NAME; a bare name means a chroot if there is one of that name, else a session.

Options:
      --json            print it as an object; unionroot(1) lists the keys
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot info sid
  unionroot info --json mybuild | jq -r .state
)";

class Info : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("NAME", name_)->required();
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    require_name(name_);
    Manager manager(config);
    const auto info = with_chroot_or_session(manager, name_, [&](const auto& name) { return manager.info(name); });
    if (json_)
      print_json(readable_pairs(info));
    else
      print(info_text(info));
    return success;
  }

 private:
  std::string name_;
  bool json_ = false;
};

}  // namespace

const VerbEntry info_verb = {"info", "show a chroot or a session", help, Split::none, make_verb<Info>};

}  // namespace unionroot::cli
