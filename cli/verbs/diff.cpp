// unionroot diff: lists what the commands of a session have changed.
#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/change_list.h"
#include "cli/change_printer.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/session_start.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot diff [OPTION]... SESSION [PATH]...

Lists what the commands of a session have changed in its tree, one line for each change:

  A  added                       D  deleted
  M  its content                 T  of another type now
  P  only its owner, mode, time, attributes or number of names
  R  OLD -> NEW, renamed

What unionroot wrote itself when the session began is not listed. With PATHs it lists only
changes of these paths in the session, and of what is beneath them.

Options:
      --json            print an array of objects, with sizes, owners, modes and times
  -z, --null            print NUL after each path, and paths without escapes
      --name-only       print only the paths
      --stat            print the number of changes and of bytes in each folder
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if nothing was changed, 1 if something was, 125 on failure.

Examples:
  unionroot diff mybuild
  unionroot diff --stat mybuild /usr
  unionroot diff --json mybuild | jq -r '.[] | select(.kind == "D") | .path'
)";

class Diff : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_option("PATH", paths_);
    app.add_flag("--json", json_);
    app.add_flag("-z,--null", null_);
    app.add_flag("--name-only", names_);
    app.add_flag("--stat", stat_);
  }

  int execute(const std::string& config) override {
    const auto session = session_name(session_);
    ChangePrinter printer(format(), [](std::string_view text) { print(text); });
    Manager manager(config);
    const auto count = with_session(manager, session, Among::all, [&](const std::string& id) {
      return list_changes(manager, id, paths_, [&](const ListedChange& change) { printer.add(change); });
    });
    printer.finish();
    return count == 0 ? success : differences;
  }

 private:
  static constexpr int differences = 1;  // as in diff(1)

  [[nodiscard]] ChangeFormat format() const {
    if (int{json_} + int{names_} + int{stat_} > 1 || (null_ && (json_ || stat_)))
      throw UsageError("only one of --json, --name-only and --stat can be given, and -z not with --json or --stat");
    if (json_) return ChangeFormat::json;
    if (stat_) return ChangeFormat::stat;
    if (names_) return null_ ? ChangeFormat::names_nul : ChangeFormat::names;
    return null_ ? ChangeFormat::nul : ChangeFormat::lines;
  }

  std::string session_;
  std::vector<std::string> paths_;
  bool json_ = false, null_ = false, names_ = false, stat_ = false;
};

}  // namespace

const VerbEntry diff_verb = {"diff", "list what a session has changed", help, Split::none, make_verb<Diff>};

}  // namespace unionroot::cli
