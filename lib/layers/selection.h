// Which paths are meant: those beneath some folders, without what patterns name.
#pragma once

#include <string>
#include <vector>

namespace unionroot::layers {

class Selection {
 public:
  // paths: relative to the root; none: all. except: patterns of glob(7). One with a slash is one of whole paths, others
  // are of names in any folder; what is beneath a folder that one names is left out too.
  Selection(std::vector<std::string> paths, std::vector<std::string> except);

  // Without those that are beneath others; "" is all.
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }
  [[nodiscard]] bool is_all() const { return paths_.front().empty() && except_.empty(); }
  [[nodiscard]] bool has_exceptions() const { return !except_.empty(); }
  // Whether a pattern names this very path.
  [[nodiscard]] bool is_exception(const std::string& path) const;
  [[nodiscard]] bool contains(const std::string& path) const;

 private:
  std::vector<std::string> paths_;
  const std::vector<std::string> except_;
};

}  // namespace unionroot::layers
