#include "cli/variables.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/names.h"
#include "base/text.h"
#include "cli/verb.h"

namespace unionroot::cli {

namespace {

// The limit for a command's arguments and variables in all: check_arguments() of lib/launch.
constexpr std::size_t largest_file = std::size_t{2} << 20;
constexpr const char* what_a_name_is = "a name is letters, digits and underscores, and does not begin with a digit";

std::string name_of(const std::string& entry) { return entry.substr(0, entry.find('=')); }

void add(std::vector<std::string>& variables, const std::string& entry) {
  if (entry.find('=') != std::string::npos)
    variables.push_back(entry);
  else if (const char* const own = std::getenv(entry.c_str()))
    variables.push_back(base::concat(entry, '=', own));
}

[[noreturn]] void refuse_line(const std::string& file, std::size_t number, std::string_view what, std::string hint) {
  throw base::Error(base::ErrorCode::invalid_argument, base::concat(base::printable(file), ":", number, ": ", what),
                    std::move(hint));
}

std::string read_file(const std::string& file) {
  auto text = base::read_file(file, largest_file + 1);
  if (text.size() <= largest_file) return text;
  throw base::Error(base::ErrorCode::invalid_argument,
                    base::concat("reading variables from ", base::printable(file), ": it is longer than 2 MiB"),
                    "a command cannot have more than that: pass long data in a file of its own");
}

}  // namespace

std::vector<std::string> variables_of(const std::string& text, const std::string& file) {
  std::vector<std::string> found;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto whole = std::string_view(text).substr(begin, end - begin);
    begin = end;
    ++number;
    const std::string line(whole.substr(std::min(whole.find_first_not_of(" \t"), whole.size())));
    if (line.empty() || line.front() == '#') continue;
    if (line.back() == '\r')
      refuse_line(file, number, "the line ends with CR LF",
                  "convert the file to lines that end with LF alone: dos2unix");
    if (line.find('\0') != std::string::npos)
      refuse_line(file, number, "there is a NUL character in it",
                  "a variable cannot have one: pass such data in a file");
    if (!base::valid_variable_name(name_of(line)))
      refuse_line(file, number, base::concat("'", base::printable(line), "' is neither NAME=VALUE nor NAME"),
                  base::concat(what_a_name_is, "; remove words before it, such as export"));
    found.push_back(line);
  }
  return found;
}

void Variables::declare(CLI::App& app) {
  app.add_option("--env", given_)->type_name("NAME[=VALUE]")->allow_extra_args(false);
  app.add_option("--env-file", files_)->type_name("FILE")->allow_extra_args(false);
}

std::vector<std::string> Variables::read() const {
  std::vector<std::string> variables;
  for (const auto& entry : given_)
    if (!base::valid_variable_name(name_of(entry)))
      throw UsageError(base::concat("'", base::printable(entry), "' is neither NAME=VALUE nor NAME"), what_a_name_is);
  for (const auto& file : files_)
    for (const auto& entry : variables_of(read_file(file), file)) add(variables, entry);
  for (const auto& entry : given_) add(variables, entry);
  return variables;
}

}  // namespace unionroot::cli
