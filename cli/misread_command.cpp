#include "cli/misread_command.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/names.h"
#include "base/text.h"

namespace unionroot::cli {

namespace {

using base::concat;

// Shell commands that are no programs (POSIX, 2.14 and 1.6).
constexpr std::array<std::string_view, 24> of_the_shell = {
    ".",  ":",    "alias",    "bg",     "break", "cd",    "command", "continue", "eval",   "exec",    "exit",  "export",
    "fg", "jobs", "readonly", "return", "set",   "shift", "source",  "trap",     "ulimit", "unalias", "unset", "wait"};

std::string words_of(const std::vector<std::string>& command) { return base::printable(base::join(command, " ")); }

bool is_assignment(const std::string& word) {
  const auto sign = word.find('=');
  return sign != std::string::npos && base::valid_variable_name(word.substr(0, sign));
}

}  // namespace

std::string in_place_of_command(const std::string& name, const std::vector<std::string>& command) {
  if (command.empty()) return {};
  const std::string& first = command.front();
  const auto run = concat("unionroot run ", base::printable(name), " -- ");
  if (first.starts_with('-'))
    return concat(
        "'", base::printable(first),
        "' comes after the name, so it was taken as the command; options come before the name: unionroot run ",
        base::printable(first), " ... ", base::printable(name), " -- COMMAND");
  if (is_assignment(first)) return concat("to set a variable for a command: ", run, "env ", words_of(command));
  if (first.find_first_of(" \t\n;|&<>") != std::string::npos)
    return concat("it was taken as one word; without the quotes: ", run, words_of(command),
                  "; as a line of the shell: ", run, "sh -c '", words_of(command), "'");
  if (std::find(of_the_shell.begin(), of_the_shell.end(), first) != of_the_shell.end())
    return concat("it is a command of the shell, not a program: ", run, "sh -c '", words_of(command), "'");
  return {};
}

}  // namespace unionroot::cli
