// What an upper layer held before anybody used it: files that whoever laid the overlay put there himself. They are no
// changes for as long as nobody touches them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "layers/changes.h"

namespace unionroot::layers {

// One entry, which takes the place of a former one of that path. Without a mode: there is none any more.
std::string beginning_entry(const std::string& path, const Facts& facts);
// The upper layer's entries as bytes, to be kept with it. stop: asked at each. nullopt: it said so, or there are more
// than 100 000 entries or 16 MiB of them. Throws SystemError.
std::optional<std::string> record_beginning(int upper, const std::function<bool()>& stop);

class Beginning {
 public:
  // Throws Error(failed) if these are not such bytes.
  explicit Beginning(std::string_view record);

  // Whether the change was there at the beginning. A file is the same if neither it nor its attributes were changed
  // since; a folder is if only what is in it was.
  [[nodiscard]] bool had(const Change& change) const;

  // What was at the path; nullptr: nothing.
  [[nodiscard]] const Facts* find(std::string_view path) const;
  [[nodiscard]] const std::map<std::string, Facts, std::less<>>& entries() const { return entries_; }
  [[nodiscard]] bool has_beneath(const std::string& folder) const;
  // Of what is no folder.
  static bool is_unchanged(const Facts& then, const Facts& now);

 private:
  [[nodiscard]] bool had_deleted(std::string_view path) const;
  std::map<std::string, Facts, std::less<>> entries_;
};

}  // namespace unionroot::layers
