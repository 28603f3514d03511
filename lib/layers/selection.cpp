#include "layers/selection.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "base/paths.h"

namespace unionroot::layers {

namespace {

bool covers(const std::string& folder, const std::string& path) {
  return folder.empty() || base::is_or_is_beneath(path, folder);
}

std::vector<std::string> outermost(std::vector<std::string> paths) {
  if (paths.empty()) return {""};
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> left;
  for (auto& path : paths)
    if (std::none_of(left.begin(), left.end(), [&](const auto& other) { return covers(other, path); }))
      left.push_back(std::move(path));
  return left;
}

}  // namespace

Selection::Selection(std::vector<std::string> paths, std::vector<std::string> except)
    : paths_(outermost(std::move(paths))), except_(std::move(except)) {}

bool Selection::is_exception(const std::string& path) const {
  const auto name = std::string(base::file_name(path));
  return std::any_of(except_.begin(), except_.end(), [&](const std::string& pattern) {
    if (pattern.find('/') == std::string::npos) return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    const auto* const start = pattern.c_str() + (pattern.front() == '/' ? 1 : 0);
    return ::fnmatch(start, path.c_str(), FNM_PATHNAME) == 0;
  });
}

bool Selection::contains(const std::string& path) const {
  if (std::none_of(paths_.begin(), paths_.end(), [&](const auto& folder) { return covers(folder, path); }))
    return false;
  for (std::string_view part = path; !part.empty(); part = base::parent_path(part))
    if (is_exception(std::string(part))) return false;
  return true;
}

}  // namespace unionroot::layers
