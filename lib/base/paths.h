// Paths as text: nothing is looked up. For host paths Boost.Filesystem does this where it may be linked
// (docs/libraries.md); these are for the libraries that must do without, and for paths inside a session's tree.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::base {

// The last component: "c" of "/a/b/c" and of "c"; empty for "/a/b/".
constexpr std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The path without its last component: "/a" of "/a/b", "/" of "/a", "a/b" of "a/b/"; empty for "a".
constexpr std::string_view parent_path(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return path.substr(0, slash == 0 ? 1 : slash);
}

// Whether `path` is `folder` or lies beneath it. Both have no "." and "..", and no slash at their end; "" is the folder
// that relative paths start from, "/" the one of absolute ones.
constexpr bool is_or_is_beneath(std::string_view path, std::string_view folder) {
  if (folder.empty()) return !path.starts_with('/');
  if (!path.starts_with(folder)) return false;
  return path.size() == folder.size() || folder.back() == '/' || path[folder.size()] == '/';
}

}  // namespace unionroot::base
