// Files of shell assignments, which are read and never run.
#include "definition/assignments.h"

#include <algorithm>

#include "base/text.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using namespace definition;

std::vector<Assignment> parse(std::string_view text, Problems& problems) {
  auto assignments = parse_assignments(text, "f", {{"KNOWN", "a b"}, {"ONE", "1"}}, problems);
  if (!planted) return assignments;
  // A backslash is taken away where there were quotes around it.
  for (auto& assignment : assignments)
    if (const auto at = assignment.value.find('\\'); at != std::string::npos) assignment.value.erase(at, 1);
  return assignments;
}

bool is_name(std::string_view name) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') && std::all_of(name.begin(), name.end(), part);
}

// Between single quotes each character is itself; that one stands behind a backslash.
std::string quoted(std::string_view value) {
  std::string out = "'";
  for (const char c : value) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

void run(std::string_view input) {
  Problems problems;
  const auto assignments = parse(input, problems);
  for (const auto& problem : problems) require_showable(problem.text(), "a problem can be shown");
  const auto lines = static_cast<unsigned>(std::count(input.begin(), input.end(), '\n')) + 1;
  std::string text;
  for (const auto& [name, value, line] : assignments) {
    require(is_name(name), "what is assigned has a name", name);
    require(value.size() <= 4096, "a value has a limit");
    auto shown = value;
    std::erase(shown, '\t');
    require_text(shown, "a value is text and tabs");
    require(line >= 1 && line <= lines, "an assignment has its line");
    text += name + "=" + quoted(value) + " # " + name + "\n";
  }
  Problems none;
  const auto again = parse(text, none);
  require(none.empty(), "what was read and written has no errors", text);
  require(again.size() == assignments.size(), "as many are written as were read");
  for (std::size_t i = 0; i < again.size(); ++i)
    require(again[i].name == assignments[i].name && again[i].value == assignments[i].value,
            "an assignment is read as it was written", assignments[i].name);
}

}  // namespace unionroot::fuzz
