// The record of what an upper layer held before its first use: the files that the creator of the overlay put there.
// They count as changes only once somebody modifies them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "layers/changes.h"

namespace unionroot::layers {

// One entry. It replaces a former entry of that path. Mode 0: it removes that entry.
std::string beginning_entry(const std::string& path, const Facts& facts);
// The upper layer's entries as bytes, to be stored beside the layer. stop: called for each entry. nullopt: `stop`
// returned true, or there are more than 100 000 entries or 16 MiB. Throws SystemError.
std::optional<std::string> record_beginning(int upper, const std::function<bool()>& stop);

class Beginning {
 public:
  // Throws Error(failed) if the record is malformed.
  explicit Beginning(std::string_view record);

  // True if the change was there at the beginning. A file is the same if its ctime is the same, so neither its content
  // nor its attributes changed. A folder is also the same if only its entries changed.
  [[nodiscard]] bool had(const Change& change) const;

  // The entry at the path; nullptr: none.
  [[nodiscard]] const Facts* find(std::string_view path) const;
  [[nodiscard]] const std::map<std::string, Facts, std::less<>>& entries() const { return entries_; }
  [[nodiscard]] bool has_beneath(const std::string& folder) const;
  // For everything but folders.
  static bool is_unchanged(const Facts& then, const Facts& now);

 private:
  [[nodiscard]] bool had_deleted(std::string_view path) const;
  std::map<std::string, Facts, std::less<>> entries_;
};

}  // namespace unionroot::layers
