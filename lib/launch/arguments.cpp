#include "base/error.h"
#include "base/text.h"
#include "launch/spec.h"

namespace unionroot::launch {

namespace {

// The kernel's MAX_ARG_STRLEN with the NUL, and the limit of an exec in all with the usual stack limit of 8 MiB.
constexpr std::size_t longest_argument = std::size_t{128} << 10;
constexpr std::size_t longest_total = std::size_t{2} << 20;

[[noreturn]] void refuse(std::string message, std::string hint) {
  throw base::Error(base::ErrorCode::invalid_argument, "starting a command: " + std::move(message), std::move(hint));
}

}  // namespace

void check_arguments(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  if (arguments.empty()) refuse("there is no command", "name one");
  if (arguments.front().empty()) refuse("the name of the command is empty", "name one");
  std::size_t total = 0;
  const auto check = [&](const std::string& text, std::string_view what, std::size_t number) {
    if (text.find('\0') != std::string::npos)
      refuse(base::concat(what, " ", number, " has a NUL character in it"), "pass such data on standard input");
    if (text.size() >= longest_argument)
      refuse(base::concat(what, " ", number, " is ", text.size(), " bytes long"),
             "at most 131071 are possible: pass long data in a file or on standard input");
    total += text.size() + 1 + sizeof(char*);
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) check(arguments[i], "argument", i);
  for (std::size_t i = 0; i < environment.size(); ++i) check(environment[i], "environment variable", i);
  if (total > longest_total)
    refuse(base::concat("its arguments and environment take ", total, " bytes"),
           "at most 2 MiB are possible: pass long lists in a file");
}

}  // namespace unionroot::launch
