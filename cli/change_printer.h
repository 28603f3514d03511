// A change list for people and for programs.
#pragma once

#include <map>
#include <string>

#include "cli/change_list.h"

namespace unionroot::cli {

enum class ChangeFormat {
  lines,  // "M /etc/hosts", "R /old -> /new"; made safe for a terminal
  nul,    // as lines, but with NUL for newline, and unescaped; R has both paths, each with NUL
  names,  // the paths alone, each once
  names_nul,
  stat,  // a table: changes and bytes in each folder
  json,
};

class ChangePrinter {
 public:
  // write: gets the text piece by piece.
  ChangePrinter(ChangeFormat format, std::function<void(std::string_view)> write)
      : format_(format), write_(std::move(write)) {}
  void add(const ListedChange& change);
  void finish();

 private:
  struct Sum {
    std::size_t added = 0, changed = 0, deleted = 0;
    std::uint64_t bytes = 0;  // of files that were added or have another content
  };
  void put(std::string_view text);
  void put_json(const ListedChange& change);
  void count(const ListedChange& change);

  const ChangeFormat format_;
  const std::function<void(std::string_view)> write_;
  std::string waiting_;
  std::string last_;  // the path that was printed last
  bool first_ = true;
  std::map<std::string, Sum> folders_;
};

}  // namespace unionroot::cli
