#include "schroot/command_line.h"

#include <array>
#include <functional>
#include <map>

#include "base/names.h"
#include "base/text.h"
#include "schroot/words.h"

namespace unionroot::schroot {

namespace {

using Set = std::function<void(CommandLine&, const std::string& value)>;

// Handled in order. The first wrong one is reported.
struct Meaning {
  Option option;
  Set set;
};

Set action(Action which) {
  return [which](CommandLine& line, const std::string&) { line.action = which; };
}
Set flag(bool CommandLine::*member) {
  return [member](CommandLine& line, const std::string&) { line.*member = true; };
}
Set text(std::optional<std::string> CommandLine::*member) {
  return [member](CommandLine& line, const std::string& value) {
    if (!value.empty()) line.*member = value;
  };
}
Set list(std::vector<std::string> CommandLine::*member) {
  return [member](CommandLine& line, const std::string& value) { (line.*member).push_back(value); };
}

void all(CommandLine& line, const std::string&) { line.all_chroots = line.all_sessions = line.all_sources = true; }

// If a key is given several times, the first one counts.
void add_option(CommandLine& line, const std::string& value) {
  const auto key = [](const std::string& option) { return option.substr(0, option.find('=')); };
  for (const auto& given : line.options)
    if (key(given) == key(value)) return;
  line.options.push_back(value);
}

// Only checks the level: our debug messages are in the daemon's log.
void debug(CommandLine&, const std::string& value) {
  for (const char* const level : {"none", "notice", "info", "warning", "critical"})
    if (value == level) return;
  throw Mistake("Invalid debug level", true);
}

// The options in `meanings`, and those that both programs have.
std::vector<Meaning> with_common(std::vector<Meaning> meanings) {
  meanings.insert(meanings.end(), {
                                      {{"help", 'h'}, action(Action::help)},
                                      {{"version", 'V'}, action(Action::version)},
                                      {{"list", 'l'}, action(Action::list)},
                                      {{"info", 'i'}, action(Action::info)},
                                      {{"config"}, action(Action::config)},
                                      {{"location"}, action(Action::location)},
                                      {{"quiet", 'q'}, flag(&CommandLine::quiet)},
                                      {{"verbose", 'v'}, flag(&CommandLine::verbose)},
                                      {{"chroot", 'c', true, true}, list(&CommandLine::chroots)},
                                      {{"debug", '\0', true}, debug},
                                      // In schroot, the words after the options have this name.
                                      {{"command", '\0', true, true}, list(&CommandLine::command)},
                                  });
  return meanings;
}

const std::vector<Meaning>& of_schroot() {
  static const auto meanings = with_common({
      {{"all", 'a'}, all},
      {{"all-chroots"}, flag(&CommandLine::all_chroots)},
      {{"all-sessions"}, flag(&CommandLine::all_sessions)},
      {{"all-source-chroots"}, flag(&CommandLine::all_sources)},
      {{"exclude-aliases"}, flag(&CommandLine::exclude_aliases)},
      {{"directory", 'd', true}, text(&CommandLine::directory)},
      {{"shell", 's', true}, text(&CommandLine::shell)},
      {{"user", 'u', true}, text(&CommandLine::user)},
      {{"preserve-environment", 'p'}, flag(&CommandLine::preserve_environment)},
      {{"option", 'o', true, true}, add_option},
      {{"automatic-session"}, action(Action::automatic_session)},
      {{"begin-session", 'b'}, action(Action::begin_session)},
      {{"recover-session"}, action(Action::recover_session)},
      {{"run-session", 'r'}, action(Action::run_session)},
      {{"end-session", 'e'}, action(Action::end_session)},
      {{"session-name", 'n', true}, [](CommandLine& line, const std::string& value) { line.session_name = value; }},
      {{"force", 'f'}, flag(&CommandLine::force)},
  });
  return meanings;
}

const std::vector<Meaning>& of_dchroot() {
  static const auto meanings = with_common({
      {{"path", 'p'}, action(Action::location)},
      {{"all", 'a'}, flag(&CommandLine::all_chroots)},
      {{"directory", '\0', true}, text(&CommandLine::directory)},
      {{"preserve-environment", 'd'}, flag(&CommandLine::preserve_environment)},
  });
  return meanings;
}

bool is_action(const Option& option) {
  static constexpr std::array names = {"help",          "version",         "list",        "info",
                                       "config",        "location",        "path",        "automatic-session",
                                       "begin-session", "recover-session", "run-session", "end-session"};
  for (const auto* const name : names)
    if (option.name == name) return true;
  return false;
}

void require_one_action(const Words& words) {
  int actions = 0;
  for (const auto& given : words.options) actions += is_action(*given.option) ? 1 : 0;
  if (actions > 1) throw Mistake("Only one action may be specified", true);
}

bool has(const Words& words, std::string_view name) {
  for (const auto& given : words.options)
    if (given.option->name == name) return true;
  return false;
}

bool is_of_sessions(Action action) {
  return action == Action::run_session || action == Action::recover_session || action == Action::end_session;
}

void require_sense(CommandLine& line, const Words& words) {
  if (line.quiet && line.verbose) {
    line.warnings.insert(line.warnings.end(),
                         {"--quiet and --verbose may not be used at the same time", "Using verbose output"});
    line.verbose = false;  // the output stays quiet, whatever the warning says
  }
  if (!line.chroots.empty() && line.all()) {
    line.warnings.insert(line.warnings.end(),
                         {"--chroot and --all may not be used at the same time", "Using --chroots only"});
    line.all_chroots = line.all_sessions = line.all_sources = false;
  }
  if (has(words, "session-name") && line.action != Action::begin_session)
    throw Mistake(base::concat("--session-name is not permitted for the specified action",
                               is_of_sessions(line.action) ? "; did you mean to use --chroot?" : ""),
                  true);
  if (!line.session_name.empty() && !base::valid_name(line.session_name)) throw Mistake("Invalid session name", true);
  if (line.action == Action::begin_session && line.chroots.size() != 1)
    throw Mistake("Exactly one chroot must be specified when beginning a session", true);
}

CommandLine parse(const std::vector<std::string>& given, const std::vector<Meaning>& meanings) {
  std::vector<Option> known;
  for (const auto& meaning : meanings) known.push_back(meaning.option);
  auto words = parse_words(given, known);
  require_one_action(words);
  CommandLine line;
  for (const auto& each : words.options)
    meanings[static_cast<std::size_t>(each.option - known.data())].set(line, each.value);
  require_sense(line, words);
  // A single empty word is no command.
  if (words.others.size() != 1 || !words.others.front().empty())
    line.command.insert(line.command.end(), words.others.begin(), words.others.end());
  return line;
}

}  // namespace

CommandLine parse_schroot(const std::vector<std::string>& words) { return parse(words, of_schroot()); }

CommandLine parse_dchroot(const std::vector<std::string>& words) {
  auto line = parse(words, of_dchroot());
  if (!line.command.empty()) line.command = {"/bin/sh", "-c", base::join(line.command, " ")};
  return line;
}

}  // namespace unionroot::schroot
