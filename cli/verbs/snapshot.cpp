// unionroot snapshot, snapshots and rollback: points in time of a session.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session_start.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

using nlohmann::json;

constexpr const char* snapshot_help =
    R"(Usage: unionroot snapshot [OPTION]... SESSION [NAME]

Keeps what a session has now, and prints the snapshot's name: NAME, or the next number.
'unionroot rollback' goes back to it, 'unionroot clone' makes sessions of it. Nothing is
copied. No command may run in the session, whose upper layer must be a folder. A session has
at most 60 snapshots. They go with it, but for what clones stand on.

Options:
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot snapshot mybuild
  unionroot snapshot mybuild before-upgrade
)";

constexpr const char* snapshots_help =
    R"(Usage: unionroot snapshots [OPTION]... SESSION

Lists the snapshots of a session, the first one first: name, time, and how much was changed
since the one before it.

Options:
      --json            print the list as JSON
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot snapshots mybuild
  unionroot snapshots --json mybuild | jq -r '.[-1].name'
)";

constexpr const char* rollback_help =
    R"(Usage: unionroot rollback [OPTION]... SESSION SNAPSHOT

A session has again what it had at a snapshot. What was changed since is thrown away, and so
are later snapshots. The snapshot itself stays. No command may run in the session.

Options:
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot rollback mybuild before-upgrade
)";

class Snapshot : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_option("NAME", name_);
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    bus::Options options;
    if (!name_.empty()) options.emplace_back("name", name_);
    ask_for_progress(options);
    const auto answer = with_whole_id(manager, session_name(session_), [&](const std::string& id) {
      return manager.call("Snapshot", bus::Body().text(id).options(options), base::concat("taking a snapshot of ", id));
    });
    print(value_of<std::string>(answer, 0) + "\n");
    return success;
  }

 private:
  std::string session_, name_;
};

class Snapshots : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    const auto answer = with_session(manager, session_name(session_), Among::all, [&](const std::string& id) {
      return manager.call("Snapshots", bus::Body().text(id), base::concat("listing the snapshots of ", id));
    });
    const auto list = value_of<json>(answer, 0);
    if (json_)
      print_json(list);
    else
      print(table_of(list));
    return success;
  }

 private:
  static std::string table_of(const json& list) {
    std::vector<std::vector<std::string>> rows = {{"NAME", "TIME", "SIZE"}};
    for (const auto& each : list)
      rows.push_back({text_of(each, "name"), format_time(each.value("created", std::int64_t{0})),
                      (is_true(each, "at-least") ? "over " : "") + format_size(each.value("bytes", std::uint64_t{0}))});
    return rows.size() == 1 ? std::string() : table(rows);
  }

  std::string session_;
  bool json_ = false;
};

class Rollback : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_option("SNAPSHOT", snapshot_)->required();
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    bus::Options options;
    ask_for_progress(options);
    with_whole_id(manager, session_name(session_), [&](const std::string& id) {
      return manager.call("Rollback", bus::Body().text(id).text(snapshot_).options(options),
                          base::concat("rolling back ", id));
    });
    return success;
  }

 private:
  std::string session_, snapshot_;
};

}  // namespace

const VerbEntry snapshot_verb = {"snapshot", "keep what a session has now", snapshot_help, Split::none,
                                 make_verb<Snapshot>};
const VerbEntry snapshots_verb = {"snapshots", "list the snapshots of a session", snapshots_help, Split::none,
                                  make_verb<Snapshots>};
const VerbEntry rollback_verb = {"rollback", "bring a session back to a snapshot", rollback_help, Split::none,
                                 make_verb<Rollback>};

}  // namespace unionroot::cli
