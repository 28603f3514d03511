// Parsed name service databases of /etc: passwd(5), shadow(5), group(5), gshadow(5). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace unionroot::tree {

enum class Database { passwd, shadow, group, gshadow };
inline constexpr std::array all_databases = {Database::passwd, Database::shadow, Database::group, Database::gshadow};
constexpr std::size_t index_of(Database database) { return static_cast<std::size_t>(database); }
std::string_view name_of(Database database);

// One line. Comments, the +/- lines of old NIS and malformed lines are not entries. They have no name and are kept
// unchanged.
struct Line {
  std::string_view text;  // without its newline
  std::string_view name;  // empty: not an entry
  std::uint32_t id = 0;   // uid or gid; passwd and group only
  [[nodiscard]] bool is_entry() const { return !name.empty(); }
};

// A parsed file. Lines point into its text, so it can be neither copied nor moved.
class Table {
 public:
  Table(Database database, std::string text);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] Database database() const { return database_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }
  // The first entry with that name or id, as a look-up would find it. nullptr if there is none.
  [[nodiscard]] const Line* by_name(std::string_view name) const;
  [[nodiscard]] const Line* by_id(std::uint32_t id) const;

 private:
  Database database_;
  std::string text_;
  std::vector<Line> lines_;
  std::unordered_map<std::string_view, std::size_t> names_;
  std::unordered_map<std::uint32_t, std::size_t> ids_;
};

// field: the field of an entry with this number, from 0. with_field: the entry with that field replaced.
std::string_view field(std::string_view line, std::size_t number);
std::string with_field(std::string_view line, std::size_t number, std::string_view value);

// "a,b,c" -> a b c; empty parts are dropped.
std::vector<std::string_view> members(std::string_view list);

// Edits a table: replaces, removes and appends lines. The result is text.
class Edit {
 public:
  explicit Edit(const Table& table) : table_(table) {}
  void replace(const Line& line, std::string text);  // line: one of the table
  void remove(const Line& line) { removed_.insert(&line); }
  void append(std::string line) { added_.push_back(std::move(line)); }
  [[nodiscard]] std::optional<std::string> text() const;  // nullopt: unchanged

 private:
  const Table& table_;
  std::unordered_map<const Line*, std::string> replaced_;
  std::unordered_set<const Line*> removed_;
  std::vector<std::string> added_;
};

}  // namespace unionroot::tree
