#include "cli/problem_listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/output.h"

namespace unionroot::cli {

namespace {

using Severity = definition::Problem::Severity;

std::string_view word_of(Severity severity) {
  switch (severity) {
    case Severity::notice: return "notice";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "error";
}

bool wrong(const definition::Problem& problem) { return problem.severity != Severity::notice; }

std::string counted(std::size_t count, std::string_view what) {
  return base::concat(count, " ", what, count == 1 ? "" : "s");
}

}  // namespace

bool anything_wrong(const definition::Problems& problems) {
  return std::any_of(problems.begin(), problems.end(), wrong);
}

std::string problems_text(std::size_t definitions, const definition::Problems& problems) {
  std::string out;
  for (const auto& problem : problems) {
    // One line for each problem, for editors and scripts that jump to FILE:LINE.
    auto text = problem.text();
    std::replace(text.begin(), text.end(), '\n', ' ');
    out += base::concat(safe(text), problem.severity == Severity::error ? "" : " [",
                        problem.severity == Severity::error ? "" : word_of(problem.severity),
                        problem.severity == Severity::error ? "\n" : "]\n");
  }
  const auto count = static_cast<std::size_t>(std::count_if(problems.begin(), problems.end(), wrong));
  return base::concat(out, counted(definitions, "definition"), ", ",
                      count == 0 ? std::string("no problems") : counted(count, "problem"), "\n");
}

nlohmann::json problems_json(std::size_t definitions, const definition::Problems& problems) {
  auto list = nlohmann::json::array();
  for (const auto& problem : problems)
    list.push_back({{"severity", word_of(problem.severity)},
                    {"file", base::name_as_utf8(problem.file)},
                    {"line", problem.line},
                    {"section", base::name_as_utf8(problem.section)},
                    {"message", base::as_utf8(problem.message)}});
  return {{"definitions", definitions}, {"problems", std::move(list)}};
}

}  // namespace unionroot::cli
