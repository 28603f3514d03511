// unionroot list: lists sessions and chroots.
#include <CLI/App.hpp>
#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/listing.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot list [OPTION]...

Lists the sessions and the chroots, and the definitions that cannot be used, with the reason.

Options:
      --sessions        only the sessions
      --chroots         only the chroots
  -m, --mine            your sessions, and the chroots that you may use
      --json            print an object with the lists "sessions", "chroots" and "broken"
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot list
  unionroot list --mine
  unionroot list --sessions --json | jq -r '.sessions[] | select(.state == "failed") | .id'
)";

class List : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_flag("--sessions", sessions_);
    app.add_flag("--chroots", chroots_);
    app.add_flag("-m,--mine", mine_);
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    const bool both = sessions_ == chroots_;
    nlohmann::json lists = nlohmann::json::object();
    if (sessions_ || both) lists["sessions"] = fetch(manager, "ListSessions", "listing the sessions");
    if (chroots_ || both) {
      lists["chroots"] = fetch(manager, "ListChroots", "listing the chroots");
      lists["broken"] = mine_ ? nlohmann::json::array()  // nobody may use them
                              : fetch(manager, "ListBroken", "listing the broken definitions");
    }
    if (mine_) keep_mine(manager, lists);
    if (json_) {
      print_json(lists);
      return success;
    }
    std::string text;
    if (lists.contains("sessions")) text += session_table(lists["sessions"]);
    if (lists.contains("chroots")) text += (text.empty() ? "" : "\n") + chroot_table(lists["chroots"], lists["broken"]);
    print(text);
    return success;
  }

 private:
  static void keep_mine(Manager& manager, nlohmann::json& lists) {
    const auto keep = [](nlohmann::json& list, auto&& wanted) {
      auto kept = nlohmann::json::array();
      std::copy_if(list.begin(), list.end(), std::back_inserter(kept), wanted);
      list = std::move(kept);
    };
    if (lists.contains("sessions")) keep(lists["sessions"], may_see_as_own);
    if (!lists.contains("chroots")) return;
    const auto answer = manager.call("UsableChroots", {}, "listing the chroots that you may use");
    auto names = value_of<std::vector<std::string>>(answer, 0);
    for (auto& source : value_of<std::vector<std::string>>(answer, 1)) names.push_back(std::move(source));
    keep(lists["chroots"], [&](const nlohmann::json& chroot) {
      return std::find(names.begin(), names.end(), text_of(chroot, "name")) != names.end();
    });
  }

  static nlohmann::json fetch(Manager& manager, std::string_view method, std::string doing) {
    return value_of<nlohmann::json>(manager.call(method, {}, std::move(doing)), 0);
  }

  bool sessions_ = false, chroots_ = false, mine_ = false, json_ = false;
};

}  // namespace

const VerbEntry list_verb = {"list", "list sessions and chroots", help, Split::none, make_verb<List>};

}  // namespace unionroot::cli
