// unionroot list: the sessions and the chroots there are.
#include <CLI/App.hpp>
#include <algorithm>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/listing.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot list [OPTION]...

Lists the sessions and the chroots.

Options:
      --sessions        the sessions alone
      --chroots         the chroots alone
      --json            print an object with the lists "sessions" and "chroots"
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot list
  unionroot list --sessions --json | jq -r '.sessions[] | select(.state == "failed") | .id'
)";

class List : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_flag("--sessions", sessions_);
    app.add_flag("--chroots", chroots_);
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    const bool both = sessions_ == chroots_;
    nlohmann::json lists = nlohmann::json::object();
    if (sessions_ || both) lists["sessions"] = fetch(manager, "ListSessions", "listing the sessions");
    if (chroots_ || both) lists["chroots"] = fetch(manager, "ListChroots", "listing the chroots");
    if (json_) {
      print_json(lists);
      return success;
    }
    std::string text;
    if (lists.contains("sessions")) text += session_table(lists["sessions"]);
    if (lists.contains("chroots")) text += (text.empty() ? "" : "\n") + chroot_table(lists["chroots"]);
    print(text);
    return success;
  }

 private:
  static nlohmann::json fetch(Manager& manager, std::string_view method, std::string doing) {
    return value_of<nlohmann::json>(manager.call(method, {}, std::move(doing)), 0);
  }

  bool sessions_ = false, chroots_ = false, json_ = false;
};

}  // namespace

const VerbEntry list_verb = {"list", "list sessions and chroots", help, Split::none, make_verb<List>};

}  // namespace unionroot::cli
