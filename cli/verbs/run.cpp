// unionroot run: runs a command in a session, or in one of its own that ends with the command. One bus call.
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/text.h"
#include "cli/after_run.h"
#include "cli/arguments.h"
#include "cli/caller.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/misread_command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session_start.h"
#include "cli/variables.h"
#include "cli/verbs/verbs.h"
#include "terminal/relay.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot run [OPTION]... NAME [--] [COMMAND...]

Runs COMMAND in the session NAME; or, if NAME is a chroot, in a session of its own that ends
with the command. Without COMMAND it starts a login shell. All that follows NAME belongs to
the command. NAME may be session:ID, chroot:NAME or source:NAME; a bare name is a chroot's
if there is one of that name, else a session's.

Options:
  -u, --user USER       run as USER; otherwise as you
  -d, --directory DIR   the working directory inside; otherwise as the definition says:
                        the current one, the home directory or another (unionroot info)
      --env NAME[=VALUE]
                        give the command this variable; without a value: yours; repeatable
      --env-file FILE   give it those of FILE, one a line; repeatable
  -p, --preserve-environment
                        keep your environment, less what the definition filters out
  -s, --shell SHELL     use SHELL as the login shell
  -o, --option KEY=VALUE
                        set user data that the definition lets you set; repeatable
  -t, --tty             give the command a terminal of its own in any case
  -T, --no-tty          never do so; otherwise one is given if input and output are terminals
      --timeout SECONDS how long COMMAND may take; then it gets SIGTERM
      --kill-after SECONDS
                        with --timeout: how much later it is killed; otherwise 10
      --detach          print the run's id and return once COMMAND has been started: it goes on
                        without a terminal or input; `unionroot logs` shows its output
      --wait[=SECONDS]  wait while the tree is being changed, and on source:NAME until nobody
                        uses it; without SECONDS, without end
      --yield           on source:NAME: let other sessions begin while it waits
      --diff[=FILE]     on a chroot: list what COMMAND has changed, on standard error or in FILE
      --keep WHEN       on a chroot: keep the session if COMMAND failed (failed), if something
                        was changed (changed), or always
      --config FILE     the settings file
  -h, --help            show this

Exit status: the command's own; 128+N if signal N ended it; 124 if it took longer than
--timeout; 125 if unionroot failed, 126 if the command cannot be executed, 127 if it is
not found.

Examples:
  unionroot run sid                              a login shell that leaves nothing behind
  unionroot run sid -- gcc --version
  unionroot run --user root host apt-get install -y hello
  unionroot run --env DEBIAN_FRONTEND=noninteractive --env http_proxy sid -- apt-get update
  run=$(unionroot run --detach sid -- make -j4); unionroot wait "$run"
  unionroot run --diff --keep=failed sid -- make install
  unionroot run --directory /var/tmp "$id" -- make -j4 < input > output
)";

// Until the command has ended, and with it the session that was begun for it.
terminal::Outcome relayed(base::UniqueFd control, bool on_terminal, const std::optional<terminal::TimeLimit>& limit) {
  std::optional<Progress> progress;  // of the session's end, once there is any
  terminal::Ending ending;
  ending.advance = [&progress](std::string_view what, std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace(std::string(what));
    progress->advance({std::string(what), done, total});
  };
  ending.tick = [&progress] { progress->tick(); };
  return terminal::relay_run(std::move(control), on_terminal, print_warning, ending, {}, limit);
}

// What was changed in the source of a tarball is packed after the command has ended. Where that failed, the command's
// exit status must not hide it. packed: nothing else is lost if that is not known.
int after_source_session(const std::string& config, const std::string& session, bool packed, int status) {
  try {
    const auto info = Manager(config).info("session:" + session);
    if (!info.value("automatic", false) || info.value("state", "") != "failed") return status;
    print_error(base::concat("the command has ended, but session ", session, " has not: ", info.value("error", "")),
                base::concat("`unionroot recover ", session, "` to go on working in it; `unionroot end ", session,
                             "` to try again; `unionroot end --discard ", session, "` to throw its changes away"));
    return failure;
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::no_such_session) return status;
    const auto unknown = base::concat(" session ", session, " has ended too is not known: ", error.what());
    if (packed) {
      print_error(base::concat("the command has ended, but whether what was changed is packed and", unknown),
                  error.hint());
      return failure;
    }
    print_warning(base::concat("the command has ended, but whether", unknown));
    return status;
  }
}

class Run : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("-u,--user", user_)->type_name("USER");
    app.add_option("-d,--directory", directory_)->type_name("DIR");
    app.add_flag("-p,--preserve-environment", preserve_environment_);
    app.add_option("-s,--shell", shell_)->type_name("SHELL");
    app.add_option("-o,--option", options_)->type_name("KEY=VALUE")->allow_extra_args(false);
    auto* const tty = app.add_flag("-t,--tty", terminal_wanted_);
    app.add_flag("-T,--no-tty", terminal_refused_)->excludes(tty);
    app.add_flag("--detach", detach_)->excludes(tty);
    variables_.declare(app);
    wait_.declare(app);
    limit_.declare(app);
    after_.declare(app);
  }

  void take_command(std::vector<std::string> words) override {
    if (words.empty()) return;
    name_ = std::move(words.front());
    command_.assign(std::make_move_iterator(words.begin() + 1), std::make_move_iterator(words.end()));
    if (!command_.empty() && command_.front() == "--") command_.erase(command_.begin());
  }

  int execute(const std::string& config) override {
    validate();
    const bool on_terminal = terminal_wanted_ || (!terminal_refused_ && !detach_ && terminal::wants_terminal());
    if (after_.wanted()) return run_and_conclude(config, on_terminal);
    const auto wishes = options(on_terminal);
    const auto body = body_of(name_, wishes);  // what the bus cannot carry is said without it
    StartedRun run;
    {
      Manager manager(config);
      run = with_chroot_or_session(manager, name_, [&](const std::string& name) {
        return start(manager, name == name_ ? body : body_of(name, wishes));
      });
    }  // the bus is not needed while the command runs: users have a limited number of connections
    terminal::Outcome outcome;
    if (detach_) {
      auto failed = terminal::detach_run(std::move(run.control), print_warning, [&run] { print(run.id + "\n"); });
      if (!failed) return success;
      outcome = std::move(*failed);
    } else {
      outcome = relayed(std::move(run.control), on_terminal, limit_.read());
    }
    tell(outcome);
    if (!outcome.not_ended.empty()) {
      print_error(base::concat("the command has ended, but its session has not: ", outcome.not_ended),
                  outcome.not_ended_hint, base::error_name(base::ErrorCode::stage_failed));
      return failure;
    }
    // Where the daemon that began the session has gone meanwhile, the next one ends it, and is asked.
    return outcome.of_source && !outcome.session_ended
               ? after_source_session(config, run.session, outcome.packed, outcome.exit_status())
               : outcome.exit_status();
  }

 private:
  static bus::Body body_of(const std::string& name, const bus::Options& options) {
    bus::Body body;
    body.text(name).texts({}).options(options).descriptor(0).descriptor(1).descriptor(2);
    return body;
  }

  struct StartedRun {
    base::UniqueFd control;
    std::string session, id;
  };
  StartedRun start(Manager& manager, const bus::Body& body) const {
    auto answer =
        manager.call("Run", body, base::concat("starting in ", name_), {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
    const auto index = value_of<std::size_t>(answer, 0);
    if (index >= answer.descriptors.size())
      throw base::Error(base::ErrorCode::failed, "unionrootd gave no control socket",
                        "the two are of different versions: restart the daemon (systemctl restart unionrootd)");
    return {std::move(answer.descriptors[index]), value_of<std::string>(answer, 1), value_of<std::string>(answer, 2)};
  }

  // In a session that the daemon ends when our connection closes, however that comes about.
  int run_and_conclude(const std::string& config, bool on_terminal) const {
    const auto options_of_command = command_options(on_terminal);
    Manager manager(config);
    const auto session = AfterRun::begin(manager, name_, session_options());
    auto run = start(manager, body_of(base::concat("session:", session), options_of_command));
    const auto outcome = relayed(std::move(run.control), on_terminal, limit_.read());
    tell(outcome);
    return after_.conclude(manager, session, outcome.exit_status());
  }

  void tell(const terminal::Outcome& outcome) const {
    if (outcome.timed_out)
      print_error(base::concat("run: the command took longer than ", limit_.text(), " s, and was told to end"), "",
                  base::error_name(base::ErrorCode::timed_out));
    else if (!outcome.text.empty())
      print_error(base::concat("run: ", outcome.text), hint_of(outcome), base::error_name(code_of(outcome)));
  }

  static base::ErrorCode code_of(const terminal::Outcome& outcome) {
    if (outcome.value == not_found) return base::ErrorCode::command_not_found;
    if (outcome.value == not_executable) return base::ErrorCode::command_not_executable;
    return base::ErrorCode::failed;
  }

  // Where it never began: what was perhaps meant.
  [[nodiscard]] std::string hint_of(const terminal::Outcome& outcome) const {
    const bool failed = outcome.kind == terminal::Outcome::Kind::failed;
    auto meant = failed ? in_place_of_command(name_, command_) : std::string();
    return meant.empty() ? outcome.hint : meant;
  }

  void validate() const {
    if (name_.empty()) throw UsageError("which chroot or session? NAME is missing");
    require_name(name_);
    if (user_ && user_->empty()) throw UsageError("the user is empty");
    if (directory_ && !directory_->starts_with('/'))
      throw UsageError(base::concat("the directory '", base::printable(*directory_), "' is not absolute"),
                       "give it as the command will see it inside, from the root: --directory /build");
    if (!command_.empty() && command_.front().empty()) throw UsageError("the command is empty");
    static_cast<void>(limit_.read());
    if (detach_ && command_.empty())
      throw UsageError("which command? one that is detached has no input, and so a shell would end at once",
                       "name it: unionroot run --detach NAME -- COMMAND");
    if (detach_ && after_.wanted())
      throw UsageError("--diff and --keep are for whoever waits for the command, and so not for --detach",
                       "begin a session (unionroot begin), and run --detach in that");
    after_.validate(name_);
  }

  [[nodiscard]] bus::Options options(bool on_terminal) const {
    auto values = command_options(on_terminal);
    for (auto& option : session_options()) values.push_back(std::move(option));
    ask_for_progress(values);
    return values;
  }

  // Of a session of the command's own.
  [[nodiscard]] bus::Options session_options() const {
    bus::Options values;
    if (!options_.empty()) values.emplace_back("user-data", parse_user_data(options_));
    if (wait_.given()) values.emplace_back("wait", wait_.milliseconds());
    if (wait_.yields()) values.emplace_back("yield", true);
    return values;
  }

  [[nodiscard]] bus::Options command_options(bool on_terminal) const {
    bus::Options values;
    if (!command_.empty()) values.emplace_back("arguments", bus::ByteLists{command_});
    if (user_) values.emplace_back("user", bus::Bytes{*user_});
    if (directory_)
      values.emplace_back("directory", bus::Bytes{*directory_});
    else if (auto directory = working_directory(); !directory.empty())
      values.emplace_back("caller-directory", bus::Bytes{std::move(directory)});
    else if (!command_.empty())  // a command must not run in another directory than its caller believes
      throw base::Error(base::ErrorCode::invalid_argument,
                        "the current directory cannot be named: it is gone, or out of reach",
                        "say where the command shall run: --directory /");
    if (preserve_environment_) values.emplace_back("preserve-environment", true);
    values.emplace_back("environment", bus::ByteLists{own_environment()});
    if (auto variables = variables_.read(); !variables.empty())
      values.emplace_back("set-environment", bus::ByteLists{std::move(variables)});
    if (shell_) values.emplace_back("shell", bus::Bytes{*shell_});
    add_terminal(values, on_terminal);
    if (detach_) values.emplace_back("detach", true);
    if (const auto limit = limit_.read(); detach_ && limit) {
      values.emplace_back("timeout", std::int64_t{limit->limit.count()});
      values.emplace_back("kill-after", std::int64_t{limit->grace.count()});
    }
    return values;
  }

  std::string name_;
  std::vector<std::string> command_;
  std::optional<std::string> user_, directory_, shell_;
  std::vector<std::string> options_;
  Variables variables_;
  WaitOption wait_;
  TimeLimitOption limit_;
  AfterRun after_;
  bool preserve_environment_ = false, terminal_wanted_ = false, terminal_refused_ = false, detach_ = false;
};

}  // namespace

const VerbEntry run_verb_entry = {"run", "run a command in a session, or in one of its own", help, Split::at_first_word,
                                  make_verb<Run>};

}  // namespace unionroot::cli
