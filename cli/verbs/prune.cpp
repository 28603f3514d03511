// unionroot prune: lists and removes what belongs to no session.
#include <CLI/App.hpp>
#include <chrono>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot prune [OPTION]... [NAME...]

Lists what is on this machine and belongs to no session: upper layers that a crash left
without a session (orphans), unpacked trees that no session uses (caches), and snapshots of
sessions whose record is lost. With a NAME or --all it removes them. Only for root.

Options:
  -a, --all             remove everything in the list
      --older-than DAYS only what belongs to a session that began at least DAYS days ago;
                        what has no known session is left out
      --kind KIND       only these: orphan, cache, volume, dataset or subvolume
      --json            print the list as JSON
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0, or 125 if something could not be examined or removed.

Examples:
  unionroot prune
  unionroot prune --all --kind=cache
  unionroot prune /var/lib/unionroot/orphans/build-5f3a
)";

std::string table_of(const nlohmann::json& leftovers) {
  std::vector<std::vector<std::string>> rows = {{"KIND", "SIZE", "BEGUN", "OF", "NAME"}};
  for (const auto& each : leftovers) {
    const auto created = each.value("created", std::int64_t{0});
    const auto session = text_of(each, "session");
    std::string size = "-";
    if (each.contains("bytes")) size = format_size(each.value("bytes", std::uint64_t{0}));
    if (is_true(each, "at-least")) size.insert(0, "over ");
    rows.push_back({text_of(each, "kind"), size, created == 0 ? "-" : format_time(created),
                    session.empty() ? text_of(each, "origin") : session, text_of(each, "name")});
  }
  return rows.size() == 1 ? std::string() : table(rows);
}

class Prune : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("NAME", names_);
    app.add_flag("-a,--all", all_);
    app.add_option("--older-than", days_)->check(CLI::NonNegativeNumber);
    app.add_option("--kind", kind_)->check(CLI::IsMember({"orphan", "cache", "volume", "dataset", "subvolume"}));
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    if (all_ && !names_.empty()) throw UsageError("prune: give names or --all, not both");
    if (json_ && (all_ || !names_.empty()))
      throw UsageError("prune: --json is for the list; nothing is removed with it");
    if (!names_.empty() && (days_ || !kind_.empty()))
      throw UsageError("prune: --older-than and --kind are for the list and --all, not for names");
    Manager manager(config);
    if (!names_.empty()) return remove(manager, names_) ? success : failure;

    const auto answer = manager.call("ListLeftovers", {}, "listing the leftovers");
    nlohmann::json wanted = nlohmann::json::array();
    for (auto& each : value_of<nlohmann::json>(answer, 0))
      if (is_wanted(each)) wanted.push_back(std::move(each));
    const auto problems = value_of<std::vector<std::string>>(answer, 1);
    for (const auto& problem : problems) print_error(problem, "");
    bool good = problems.empty();
    if (all_) {
      std::vector<std::string> names;
      for (const auto& each : wanted) names.push_back(text_of(each, "name"));
      good = remove(manager, names) && good;
    } else if (json_) {
      print_json(wanted);
    } else {
      print(table_of(wanted));
    }
    return good ? success : failure;
  }

 private:
  [[nodiscard]] bool is_wanted(const nlohmann::json& leftover) const {
    if (!kind_.empty() && text_of(leftover, "kind") != kind_) return false;
    if (!days_) return true;
    const auto created = std::chrono::microseconds(leftover.value("created", std::int64_t{0}));
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return created.count() != 0 && now - created >= std::chrono::hours(24) * *days_;
  }

  // Each is tried. False if one was not removed.
  static bool remove(Manager& manager, const std::vector<std::string>& names) {
    bool good = true;
    for (const auto& name : names) {
      try {
        manager.call("RemoveLeftover", bus::Body().text(name), base::concat("removing ", base::printable(name)));
      } catch (const base::Error& error) {
        print_error(error.what(), error.hint());
        good = false;
      }
    }
    return good;
  }

  std::vector<std::string> names_;
  bool all_ = false, json_ = false;
  std::optional<int> days_;
  std::string kind_;
};

}  // namespace

const VerbEntry prune_verb = {"prune", "list and remove what belongs to no session", help, Split::none,
                              make_verb<Prune>};

}  // namespace unionroot::cli
