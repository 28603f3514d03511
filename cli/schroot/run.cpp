// Running commands.
#include <string.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/caller.h"
#include "cli/host_names.h"
#include "schroot/front.h"
#include "schroot/messages.h"
#include "schroot/said.h"
#include "terminal/relay.h"

namespace unionroot::schroot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::Namespace;
using terminal::Detail;

namespace {

// As in schroot, a relative path begins at the root.
std::string absolute(const std::string& directory) {
  return directory.starts_with('/') ? directory : concat("/", directory);
}

std::string text_of_error(int number) {
  const char* const text = ::strerrordesc_np(number);
  return text == nullptr ? std::to_string(number) : text;
}

// Prints what happens during a run, in schroot's words.
class Narrator {
 public:
  Narrator(const CommandLine& line, std::string session) : line_(line), session_(std::move(session)) {
    if (line_.verbose) say_command();
  }

  void tell(const Detail& detail) {
    switch (detail.kind) {
      case Detail::Kind::verbosity:
        verbose_ = detail.text == "verbose" && !line_.quiet;
        if (verbose_ && !line_.verbose) say_command();
        quiet_ = detail.text == "quiet";
        break;
      case Detail::Kind::no_shell:
        say_warning(concat("Shell ‘", detail.text, "’ not available: ", detail.text,
                           ": Failed to stat file: ", text_of_error(detail.error)));
        break;
      case Detail::Kind::the_shell:
        if (detail.another) say_warning(concat("Falling back to shell ‘", detail.text, "’"));
        if (verbose_ || line_.verbose)
          say_information(
              concat(place(), detail.login ? "Running login shell: ‘" : "Running shell: ‘", detail.text, "’"));
        break;
      case Detail::Kind::other_directory:
        if (trouble_) say_directory(say_warning);
        say_warning(concat("Falling back to directory ‘", detail.text, "’"));
        trouble_.reset();
        break;
      case Detail::Kind::no_directory:
        if (trouble_) say_directory(say_warning);  // another directory was tried, and failed too
        trouble_ = detail;
        break;
      case Detail::Kind::no_command: trouble_ = detail; break;
    }
  }

  // Prints why the command was not executed.
  void say_failure(const terminal::Outcome& outcome) const {
    if (trouble_ && trouble_->kind == Detail::Kind::no_directory && outcome.kind == terminal::Outcome::Kind::failed)
      return say_directory(say_error);
    if (trouble_)
      return say_error(concat("Failed to execute “", trouble_->text, "”: ", text_of_error(trouble_->error)));
    say_error(outcome.text, outcome.hint);
  }

  [[nodiscard]] bool is_quiet() const { return line_.quiet || (quiet_ && !line_.verbose); }

 private:
  [[nodiscard]] std::string place() const {
    std::string who;
    if (line_.user)
      if (const auto caller = cli::host_user_name(::getuid()); caller != *line_.user)
        who = concat("(", caller, "→", *line_.user, ") ");
    return concat("[", session_, " chroot] ", who);
  }
  void say_command() const {
    if (!line_.command.empty())
      say_information(concat(place(), "Running command: “", base::join(line_.command, " "), "”"));
  }
  void say_directory(void (*say)(std::string_view)) const {
    const auto shown =
        line_.directory && trouble_->text == absolute(*line_.directory) ? *line_.directory : trouble_->text;
    say(concat("Failed to change to directory ‘", shown, "’: ", text_of_error(trouble_->error)));
    say_information(
        "The directory does not exist inside the chroot.  Use the --directory option to run the command in a different "
        "directory.");
  }

  const CommandLine& line_;
  std::string session_;
  bool verbose_ = false, quiet_ = false;  // by the chroot's definition
  std::optional<Detail> trouble_;
};

// As in schroot, variables without a name or a value are left out.
std::vector<std::string> named_variables() {
  auto variables = cli::own_environment();
  std::erase_if(variables, [](const std::string& variable) {
    const auto equals = variable.find('=');
    return equals == std::string::npos || equals == 0 || equals + 1 == variable.size();
  });
  return variables;
}

cli::bus::Options options_for(const CommandLine& line, bool on_terminal) {
  using cli::bus::Bytes;
  cli::bus::Options options;
  options.emplace_back("front-end", true);
  if (!line.command.empty()) options.emplace_back("arguments", cli::bus::ByteLists{line.command});
  if (line.user) options.emplace_back("user", Bytes{*line.user});
  if (line.directory)
    options.emplace_back("directory", Bytes{absolute(*line.directory)});
  else if (auto directory = cli::working_directory(); !directory.empty())
    options.emplace_back("caller-directory", Bytes{std::move(directory)});
  else
    options.emplace_back("caller-directory", Bytes{"/"});  // as in schroot, if the working directory was removed
  if (line.preserve_environment) options.emplace_back("preserve-environment", true);
  options.emplace_back("environment", cli::bus::ByteLists{named_variables()});
  if (line.shell) options.emplace_back("shell", Bytes{*line.shell});
  if (!line.options.empty() && line.action == Action::automatic_session)
    options.emplace_back("user-data", cli::parse_user_data(line.options));
  cli::add_terminal(options, on_terminal);
  cli::ask_for_progress(options, true);
  return options;
}

// A killed command has no status to pass on. It gives `failure`, like all other errors.
int status_of(const terminal::Outcome& outcome, const Narrator& narrator) {
  using Kind = terminal::Outcome::Kind;
  switch (outcome.kind) {
    case Kind::exited: return outcome.value;
    case Kind::killed: {
      const char* const name = ::sigdescr_np(outcome.value);
      if (!narrator.is_quiet())
        say_error(concat("Child terminated by signal ‘", name == nullptr ? std::to_string(outcome.value) : name, "’"));
      return failure;
    }
    case Kind::failed:
    case Kind::lost: narrator.say_failure(outcome); break;
  }
  return failure;
}

}  // namespace

int Front::run_at(const Target& target, const std::string& name) {
  const bool on_terminal = terminal::wants_terminal();
  cli::bus::Body body;
  body.text(name).texts({}).options(options_for(line_, on_terminal)).descriptor(0).descriptor(1).descriptor(2);
  auto answer = manager_.call("Run", std::move(body), {}, {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
  const auto index = cli::value_of<std::size_t>(answer, 0);
  if (index >= answer.descriptors.size())
    throw Error(ErrorCode::failed, "unionrootd gave no control socket", "restart the daemon");
  const bool proxy = (catalogue_ || line_.verbose) && is_plain(target);
  Narrator narrator(line_, proxy ? target.name.name : cli::value_of<std::string>(answer, 1));
  const auto outcome = terminal::relay_run(std::move(answer.descriptors[index]), on_terminal, {}, {},
                                           [&](const Detail& detail) { narrator.tell(detail); });
  const int status = status_of(outcome, narrator);
  if (outcome.not_ended.empty()) return status;
  say_error(outcome.not_ended);
  say_information(outcome.not_ended_hint);
  say_error(concat(target.given, ": Chroot setup failed: stage=setup-stop"));
  return failure;
}

// For a session the daemon is asked first. The lists are read only if it knows no such session.
int Front::run_in(const Target& target) {
  const auto& [space, name] = target.name;
  require_name(target);
  if (!is_about_sessions()) {
    if (space == Namespace::session && !is_plain(target)) throw not_found({target.given});
    if (name.ends_with("-source") && !is_there(target)) throw not_found({target.given});
    require_options(target);
    return run_at(target, qualified(space == Namespace::session ? Namespace::chroot : space, name));
  }
  if (space == Namespace::session) try {
      return run_at(target, qualified(space, name));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::no_such_session || !is_plain(target)) throw;
    }
  if (!is_plain(target)) throw not_found({target.given});
  return run_at(target, qualified(Namespace::chroot, name));
}

int Front::run_in_each() {
  std::vector<Target> wanted;
  const auto given = named();
  if (given.size() == 1)
    wanted = given;
  else if (given.empty() && !line_.all() && !is_about_sessions())
    wanted = {{"default", {Namespace::chroot, "default"}, false}};
  else
    wanted = targets();
  int status = 0;
  for (const auto& target : wanted) {
    // As in schroot: the last status counts, and the first failure of a session ends the loop.
    try {
      status = run_in(target);
    } catch (const Error& error) {
      return failed(error, target, "setup-start");
    }
  }
  return status;
}

}  // namespace unionroot::schroot
