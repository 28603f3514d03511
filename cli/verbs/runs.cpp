// unionroot runs: which commands run.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot runs [OPTION]...

Lists the commands that run: their ids, since when, who asked for them, in which session, and
the command. You see what you have asked for, and what runs in your sessions; root sees all.

Options:
      --json            print the list as JSON
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot runs
  unionroot runs --json | jq -r '.[] | select(.detached) | .run'
)";

class Runs : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_flag("--json", json_); }

  int execute(const std::string& config) override {
    Manager manager(config);
    const auto runs = value_of<nlohmann::json>(manager.call("ListRuns", {}, "listing the commands that run"), 0);
    if (json_) {
      print_json(runs);
      return success;
    }
    std::vector<std::vector<std::string>> rows = {{"RUN", "BEGUN", "USER", "SESSION", "STATE", "COMMAND"}};
    for (const auto& run : runs) {
      auto user = text_of(run, "caller");
      if (text_of(run, "user") != user) user = base::concat(user.empty() ? "?" : user, " as ", text_of(run, "user"));
      const bool has_ended = text_of(run, "state") == "processes-left";
      rows.push_back({text_of(run, "run"), format_time(run.value("since", std::int64_t{0})), user,
                      text_of(run, "session"), has_ended ? "processes left" : "running", text_of(run, "command")});
    }
    if (rows.size() > 1) print(table(rows));
    return success;
  }

 private:
  bool json_ = false;
};

}  // namespace

const VerbEntry runs_verb = {"runs", "list the commands that run", help, Split::none, make_verb<Runs>};

}  // namespace unionroot::cli
