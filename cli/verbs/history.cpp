// unionroot history: lists the commands that have ended, and how.
#include <CLI/App.hpp>
#include <algorithm>
#include <iomanip>
#include <sstream>

#include "base/names.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

using nlohmann::json;

constexpr const char* help =
    R"(Usage: unionroot history [OPTION]... [NAME]

Lists the commands that have ended: time, user, session, result and command. The newest is
the last. With a NAME only those in that session, or in the sessions of that chroot. You see
the commands that you asked for and those that were run in your sessions; root sees all.
`unionroot runs` lists the commands that still run.

Options:
  -n, --last NUMBER     only the last NUMBER commands
      --failed          only those that did not exit with status 0
      --json            print the list as JSON
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot history --last 20
  unionroot history --failed sid
  unionroot history --json | jq -r '.[] | select(."timed-out") | .command'
)";

// The daemon returns commands of a session and of a chroot with this name. This filters by the namespace.
bool is_of(const json& run, const base::QualifiedName& name) {
  using base::Namespace;
  if (name.space == Namespace::none) return true;
  if (name.space == Namespace::session) return text_of(run, "session") == name.name;
  return text_of(run, "chroot") == name.name && is_true(run, "source") == (name.space == Namespace::source);
}

bool has_failed(const json& run) { return text_of(run, "end") != "exited" || run.value("value", 0) != 0; }

std::string end_of(const json& run) {
  auto end = text_of(run, "end");
  if (is_true(run, "timed-out")) return "timed out";
  if (is_true(run, "out-of-memory")) return "out of memory";
  if (end == "exited") return base::concat("status ", run.value("value", 0));
  if (end == "killed") return base::concat("signal ", run.value("value", 0));
  if (end == "not-started") return "not started";
  if (end == "session-ended") return "with its session";
  return end;
}

std::string time_taken(const json& run) {
  const auto taken =
      std::max<std::int64_t>(0, run.value("until", std::int64_t{0}) - run.value("since", std::int64_t{0}));
  constexpr double second = 1'000'000;
  constexpr std::int64_t hour = 3600, minute = 60;
  const auto seconds = taken / static_cast<std::int64_t>(second);
  std::ostringstream text;
  if (seconds < minute)
    text << std::fixed << std::setprecision(1) << static_cast<double>(taken) / second << " s";
  else if (seconds < hour)
    text << seconds / minute << " min " << seconds % minute << " s";
  else
    text << seconds / hour << " h " << seconds % hour / minute << " min";
  return text.str();
}

std::string table_of(const json& runs) {
  std::vector<std::vector<std::string>> rows = {{"BEGUN", "TOOK", "USER", "SESSION", "END", "COMMAND"}};
  for (const auto& run : runs) {
    auto user = text_of(run, "caller");
    if (text_of(run, "user") != user) user = base::concat(user.empty() ? "?" : user, " as ", text_of(run, "user"));
    rows.push_back({format_time(run.value("since", std::int64_t{0})), time_taken(run), user, text_of(run, "session"),
                    end_of(run), text_of(run, "command")});
  }
  return rows.size() == 1 ? std::string() : table(rows);
}

class History : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("NAME", name_);
    app.add_option("-n,--last", last_)->check(CLI::PositiveNumber);
    app.add_flag("--failed", failed_);
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    Manager manager(config);
    const auto runs = fetch(manager);
    if (json_)
      print_json(runs);
    else
      print(table_of(runs));
    return success;
  }

 private:
  // The daemon gives the newest first, in pages.
  [[nodiscard]] json fetch(Manager& manager) const {
    bus::Options options;
    const auto wanted = name_.empty() ? base::QualifiedName() : base::parse_qualified_name(name_);
    if (!name_.empty()) options.emplace_back("name", wanted.name);
    std::vector<json> found;
    std::int64_t before = 0;
    for (bool more = true; more;) {
      auto page = options;
      if (before != 0) page.emplace_back("before", before);
      const auto rows =
          value_of<json>(manager.call("History", bus::Body().options(page), "listing the commands that have ended"), 0);
      more = !rows.empty();
      for (const auto& run : rows) {
        before = run.value("number", std::int64_t{0});
        if (!is_of(run, wanted) || (failed_ && !has_failed(run))) continue;
        found.push_back(run);
        if (last_ && found.size() == *last_) more = false;
        if (!more) break;
      }
    }
    std::reverse(found.begin(), found.end());
    return found;
  }

  std::string name_;
  std::optional<std::size_t> last_;
  bool failed_ = false, json_ = false;
};

}  // namespace

const VerbEntry history_verb = {"history", "list the commands that have ended", help, Split::none, make_verb<History>};

}  // namespace unionroot::cli
