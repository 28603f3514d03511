#include "cli/change_text.h"

#include "base/text.h"
#include "cli/verb.h"

namespace unionroot::cli {

namespace {

constexpr std::string_view kinds = "AMPDTR", arrow = " -> /";

[[noreturn]] void refuse(std::string_view line) {
  throw UsageError(base::concat("'", base::printable(line), "' is no line as unionroot diff prints it: 'A /path'"));
}

std::string_view path_in(std::string_view line) {
  if (line.size() < 4 || kinds.find(line[0]) == std::string_view::npos || line.substr(1, 2) != " /") refuse(line);
  return line.substr(2);
}

std::vector<std::string> from_texts(std::string_view text) {
  std::vector<std::string> paths;
  const auto parts = base::split(text, '\0');
  for (std::size_t next = 0; next < parts.size(); ++next) {
    paths.emplace_back(path_in(parts[next]));
    if (parts[next][0] != 'R') continue;
    if (next + 1 == parts.size() || !parts[next + 1].starts_with('/')) refuse(parts[next]);
    paths.push_back(parts[++next]);
  }
  return paths;
}

}  // namespace

std::vector<std::string> paths_of_changes(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return from_texts(text);
  std::vector<std::string> paths;
  for (const auto& line : base::split(text, '\n')) {
    const auto path = path_in(line);
    if (path.find("\\x") != std::string_view::npos)
      throw UsageError(base::concat("'", base::printable(line),
                                    "': what stands for \\xNN cannot be told; make the list "
                                    "with unionroot diff -z"));
    const auto at = line[0] == 'R' ? path.find(arrow) : std::string_view::npos;
    if (line[0] == 'R' && (at == std::string_view::npos || path.find(arrow, at + 1) != std::string_view::npos))
      refuse(line);
    paths.emplace_back(path.substr(0, at));
    if (at != std::string_view::npos) paths.emplace_back(path.substr(at + arrow.size() - 1));
  }
  return paths;
}

}  // namespace unionroot::cli
