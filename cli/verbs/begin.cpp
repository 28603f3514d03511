// unionroot begin: begins a session that lives until it is ended.
#include <signal.h>

#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot begin [OPTION]... CHROOT

Begins a session on CHROOT and prints only its id on the standard output. The session lives
until it is ended, also across a restart of the machine.
CHROOT is a name or an alias; source:NAME begins a session that changes the tree itself.

Options:
  -n, --name ID         the session's id; otherwise CHROOT and a random part
  -o, --option KEY=VALUE
                        set user data that the definition lets you set; repeatable
      --wait[=SECONDS]  wait while the tree is being changed, and for source:NAME until nobody
                        uses it; without SECONDS there is no limit
      --yield           for source:NAME: let other sessions begin while it waits
      --json            print an object with the session's id and its object path
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot begin sid
  id=$(unionroot begin --wait=60 sid) && unionroot run "$id" -- apt-get update
  unionroot begin --name mybuild sid
)";

class Begin : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("CHROOT", chroot_)->required();
    app.add_option("-n,--name", name_)->type_name("ID");
    app.add_option("-o,--option", options_)->type_name("KEY=VALUE")->allow_extra_args(false);
    wait_.declare(app);
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    require_chroot_name(chroot_);
    bus::Options options;
    if (name_) {
      require_new_name(*name_);
      options.emplace_back("name", *name_);
    }
    if (wait_.given()) options.emplace_back("wait", wait_.milliseconds());
    if (wait_.yields()) options.emplace_back("yield", true);
    if (!options_.empty()) options.emplace_back("user-data", parse_user_data(options_));
    ask_for_progress(options);
    options.emplace_back("confirm", true);

    Manager manager(config);
    const auto answer = manager.call("Begin", bus::Body().text(chroot_).options(options),
                                     base::concat("beginning a session on ", chroot_));
    const auto session = value_of<std::string>(answer, 0);
    ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error here, not a signal
    try {
      if (json_)
        print_json({{"session", session}, {"path", value_of<std::string>(answer, 1)}});
      else
        print(session + "\n");
    } catch (const base::Error& error) {
      end_untold(manager, session, error);
    }
    // If this process ends before this call, the daemon ends the session: nobody may have got its id.
    manager.call("Confirm", bus::Body().text(session), base::concat("confirming ", session));
    return success;
  }

 private:
  // The id could not be printed, so nobody would ever end the session.
  [[noreturn]] static void end_untold(Manager& manager, const std::string& session, const base::Error& cause) {
    try {
      manager.call("End", bus::Body().text(session).options({}), base::concat("ending ", session));
    } catch (const base::Error& error) {
      throw base::Error(cause.code(), cause.what(),
                        base::concat("the session ", session, " was begun, but could not be ended again (",
                                     error.what(), "): unionroot end --force ", session));
    }
    throw base::Error(cause.code(), cause.what(), "the session was ended again, because its name could not be printed");
  }

  std::string chroot_;
  std::optional<std::string> name_;
  std::vector<std::string> options_;
  WaitOption wait_;
  bool json_ = false;
};

}  // namespace

const VerbEntry begin_verb = {"begin", "begin a session, and print its id", help, Split::none, make_verb<Begin>};

}  // namespace unionroot::cli
