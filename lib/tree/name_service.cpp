#include "tree/name_service.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace unionroot::tree {

namespace {

constexpr std::size_t id_field = 2;

std::size_t fields_of(Database database) {
  switch (database) {
    case Database::passwd: return 7;
    case Database::shadow: return 9;
    case Database::group:
    case Database::gshadow: return 4;
  }
  return 0;
}

bool has_ids(Database database) { return database == Database::passwd || database == Database::group; }

Line parse(Database database, std::string_view text) {
  Line line{text, {}, 0};
  if (text.empty() || text[0] == '#' || text[0] == '+' || text[0] == '-') return line;
  if (text.find('\0') != std::string_view::npos) return line;
  const auto colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
  if (colons + 1 != fields_of(database)) return line;
  if (has_ids(database)) {
    const auto id = base::parse_unsigned(field(text, id_field));
    // The system calls take the largest value for "no id": chown(2).
    if (!id || *id >= std::numeric_limits<std::uint32_t>::max()) return line;
    line.id = static_cast<std::uint32_t>(*id);
  }
  line.name = field(text, 0);
  return line;
}

}  // namespace

std::string_view name_of(Database database) {
  switch (database) {
    case Database::passwd: return "passwd";
    case Database::shadow: return "shadow";
    case Database::group: return "group";
    case Database::gshadow: return "gshadow";
  }
  return "unknown";
}

Table::Table(Database database, std::string text) : database_(database), text_(std::move(text)) {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    lines_.push_back(parse(database, rest.substr(0, end)));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  names_.reserve(lines_.size());
  if (has_ids(database)) ids_.reserve(lines_.size());
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (!lines_[i].is_entry()) continue;
    names_.emplace(lines_[i].name, i);
    if (has_ids(database)) ids_.emplace(lines_[i].id, i);
  }
}

const Line* Table::by_name(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &lines_[found->second];
}

const Line* Table::by_id(std::uint32_t id) const {
  const auto found = ids_.find(id);
  return found == ids_.end() ? nullptr : &lines_[found->second];
}

std::string_view field(std::string_view line, std::size_t number) {
  for (; number > 0; --number) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return {};
    line.remove_prefix(colon + 1);
  }
  return line.substr(0, line.find(':'));
}

std::string with_field(std::string_view line, std::size_t number, std::string_view value) {
  const std::string_view old = field(line, number);
  const auto start = static_cast<std::size_t>(old.data() - line.data());
  return base::concat(line.substr(0, start), value, line.substr(start + old.size()));
}

std::vector<std::string_view> members(std::string_view list) {
  std::vector<std::string_view> found;
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (comma != 0) found.push_back(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return found;
}

void Edit::replace(const Line& line, std::string text) {
  if (text == line.text)
    replaced_.erase(&line);
  else
    replaced_[&line] = std::move(text);
}

std::optional<std::string> Edit::text() const {
  if (replaced_.empty() && removed_.empty() && added_.empty()) return std::nullopt;
  std::string out;
  out.reserve(table_.text().size() + 80 * added_.size());
  for (const auto& line : table_.lines()) {
    if (removed_.contains(&line)) continue;
    const auto changed = replaced_.find(&line);
    out.append(changed == replaced_.end() ? line.text : std::string_view(changed->second)).push_back('\n');
  }
  for (const auto& line : added_) out.append(line).push_back('\n');
  return out;
}

}  // namespace unionroot::tree
