// unionroot clone: new sessions that begin with everything that another has.
#include <CLI/App.hpp>
#include <optional>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session_start.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot clone [OPTION]... SESSION

Begins sessions of yours that have everything that SESSION has, and prints their ids, one a
line. Nothing is copied, whatever its size. What any of them changes from then on the others
do not see. SESSION is yours, or you are root. A snapshot of it is taken first, unless
nothing was changed since its last one: no command may run in it then. With --snapshot
commands may run.

Options:
      --snapshot NAME   what it had at this snapshot
  -n, --name ID         the new session's id; of several ID-1, ID-2 and so on
      --count NUMBER    so many; otherwise one, at most 1000
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot clone mybuild
  unionroot clone --snapshot warm --count 20 --name worker mybuild
)";

class Clone : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("SESSION", session_)->required();
    app.add_option("--snapshot", snapshot_)->type_name("NAME");
    app.add_option("-n,--name", name_)->type_name("ID");
    app.add_option("--count", count_)->check(CLI::PositiveNumber);
  }

  int execute(const std::string& config) override {
    bus::Options options;
    if (snapshot_) options.emplace_back("snapshot", *snapshot_);
    if (name_) {
      require_new_name(*name_);
      options.emplace_back("name", *name_);
    }
    if (count_ != 1) options.emplace_back("count", count_);
    ask_for_progress(options);
    Manager manager(config);
    const auto answer = with_whole_id(manager, session_name(session_), [&](const std::string& id) {
      return manager.call("Clone", bus::Body().text(id).options(options), base::concat("cloning ", id));
    });
    std::string lines;
    for (const auto& id : value_of<std::vector<std::string>>(answer, 0)) lines += id + "\n";
    print(lines);
    return success;
  }

 private:
  std::string session_;
  std::optional<std::string> snapshot_, name_;
  std::int64_t count_ = 1;
};

}  // namespace

const VerbEntry clone_verb = {"clone", "begin sessions with what another has", help, Split::none, make_verb<Clone>};

}  // namespace unionroot::cli
