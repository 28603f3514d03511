// A parsed command line, as plain values.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace unionroot::schroot {

enum class Action {
  help,
  version,
  list,
  info,
  config,
  location,
  automatic_session,
  begin_session,
  recover_session,
  run_session,
  end_session,
};

struct CommandLine {
  Action action = Action::automatic_session;
  std::vector<std::string> chroots;  // as they were given
  bool all_chroots = false, all_sessions = false, all_sources = false;
  bool exclude_aliases = false;
  std::optional<std::string> directory, shell, user;
  std::string session_name;  // empty: a name is generated
  bool preserve_environment = false;
  std::vector<std::string> options;  // KEY=VALUE
  bool force = false, quiet = false, verbose = false;
  std::vector<std::string> command;   // empty: a login shell
  std::vector<std::string> warnings;  // pairs: a problem, and what is done about it

  [[nodiscard]] bool all() const { return all_chroots || all_sessions || all_sources; }
};

// Parses the words after the program's name. Throws Mistake.
CommandLine parse_schroot(const std::vector<std::string>& words);
// The same for dchroot, which uses other letters for some options.
CommandLine parse_dchroot(const std::vector<std::string>& words);

}  // namespace unionroot::schroot
