// unionroot apply: writes what a session has changed into its tree. unionroot undo: takes that back.
#include <unistd.h>

#include <CLI/App.hpp>

#include "base/files.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/change_text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session_start.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* apply_help =
    R"(Usage: unionroot apply [OPTION]... SESSION [PATH]...

Writes what the commands of a session have changed into the tree beneath, as a whole or not at
all, and prints an id for 'unionroot undo'. PATH: these alone, and what is beneath them, as
the session has them. No command may run in the session, and no other may stand on the tree.
For root, and for its owner where he may be root in source:CHROOT.

What was changed in the tree too, since the session was begun, is named, and nothing is done.

Options:
      --dry-run         only list what would be applied
      --exclude GLOB    but not this, nor what is beneath it: a path, or a name in any folder;
                        *, ? and [...] may stand in it; may be given several times
      --from FILE       these entries alone: a list as 'unionroot diff' or 'diff -z' prints it;
                        - is standard input
      --ours PATH       where both were changed here or beneath, the tree keeps what it has
      --theirs PATH     where both were changed here or beneath, it gets what the session has
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0, also if there was nothing to apply; 125 if it was refused, or failed.

Examples:
  unionroot apply --dry-run mybuild
  unionroot apply mybuild /etc
  unionroot apply --exclude '*.log' --theirs /etc/issue mybuild
  unionroot diff -z mybuild /usr | unionroot apply --from - mybuild
)";

constexpr const char* undo_help =
    R"(Usage: unionroot undo [OPTION]... [NAME]

Gives a tree exactly what the last 'unionroot apply' to it has replaced. NAME: the id that it
printed, or the session; without it the one that there is. What was changed in the tree since
then is named, and nothing is done. For root, and for who may be root in source:CHROOT.

Options:
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0; 125 if it was refused, or failed.

Examples:
  unionroot undo k4m7xq2d
  unionroot undo mybuild
)";

class Apply : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_option("PATH", paths_);
    app.add_option("--exclude", exclude_)->type_name("GLOB")->allow_extra_args(false);
    app.add_option("--from", from_)->type_name("FILE");
    app.add_option("--ours", ours_)->type_name("PATH")->allow_extra_args(false);
    app.add_option("--theirs", theirs_)->type_name("PATH")->allow_extra_args(false);
    app.add_flag("--dry-run", dry_run_);
  }

  int execute(const std::string& config) override {
    const auto session = session_name(session_);
    const auto options = read_options();
    Manager manager(config);
    const auto answer = with_whole_id(manager, session, [&](const std::string& id) {
      return manager.call("Apply", bus::Body().text(id).options(options), base::concat("applying ", id));
    });
    show(session, answer);
    return success;
  }

 private:
  bus::Options read_options() {
    bus::Options options;
    if (!from_.empty()) {
      if (!paths_.empty()) throw UsageError("only one of --from and paths can be given");
      paths_ = paths_of_changes(from_ == "-" ? base::read_all(STDIN_FILENO, "standard input") : base::read_file(from_));
      if (paths_.empty()) throw UsageError("the list of --from is empty");
      options.emplace_back("exact", true);
    }
    if (!paths_.empty()) options.emplace_back("paths", bus::ByteLists{paths_});
    if (!exclude_.empty()) options.emplace_back("exclude", bus::ByteLists{exclude_});
    if (!ours_.empty()) options.emplace_back("ours", bus::ByteLists{ours_});
    if (!theirs_.empty()) options.emplace_back("theirs", bus::ByteLists{theirs_});
    if (dry_run_) options.emplace_back("dry-run", true);
    ask_for_progress(options);
    return options;
  }

  void show(const std::string& session, const bus::Answer& answer) const {
    const auto id = value_of<std::string>(answer, 0);
    const auto lines = value_of<std::vector<std::string>>(answer, 1);
    const auto count = value_of<std::uint64_t>(answer, 2);
    if (dry_run_) {
      for (const auto& line : lines) print(line + "\n");
      if (count > lines.size()) print_remark(base::concat("apply: and ", count - lines.size(), " more"));
      return;
    }
    if (id.empty()) return print_remark(base::concat("apply: there was nothing to apply from ", session));
    print(id + "\n");
    print_remark(base::concat("apply: ", count, count == 1 ? " change is" : " changes are",
                              " in the tree; `unionroot undo ", id, "` takes that back"));
  }

  std::string session_, from_;
  std::vector<std::string> paths_, exclude_, ours_, theirs_;
  bool dry_run_ = false;
};

class Undo : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("NAME", name_); }

  int execute(const std::string& config) override {
    Manager manager(config);
    bus::Options options;
    ask_for_progress(options);
    const auto name = name_.empty() ? std::string() : session_name(name_);
    const auto answer = manager.call("Undo", bus::Body().text(name).options(options),
                                     base::concat("undoing ", name.empty() ? "what was applied" : name));
    print_remark(base::concat("undo: the tree is as it was before ", value_of<std::string>(answer, 0),
                              ", from session ", value_of<std::string>(answer, 1)));
    return success;
  }

 private:
  std::string name_;
};

}  // namespace

const VerbEntry apply_verb = {"apply", "write what a session has changed into its tree", apply_help, Split::none,
                              make_verb<Apply>};
const VerbEntry undo_verb = {"undo", "take back what was applied to a tree", undo_help, Split::none, make_verb<Undo>};

}  // namespace unionroot::cli
