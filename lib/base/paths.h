// Paths as text; the file system is not accessed. Host paths use Boost.Filesystem where it may be linked
// (docs/libraries.md). These functions are for the libraries that must do without it, and for paths inside a session's
// tree.
#pragma once

#include <string>
#include <string_view>

namespace unionroot::base {

// The last component: "c" for "/a/b/c" and for "c"; empty for "/a/b/".
constexpr std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The path without its last component: "/a" for "/a/b", "/" for "/a", "a/b" for "a/b/"; empty for "a".
constexpr std::string_view parent_path(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return path.substr(0, slash == 0 ? 1 : slash);
}

// True if `path` is `folder` or lies beneath it. Neither may contain "." or "..", or end in a slash. The folder ""
// contains all relative paths, "/" all absolute ones.
constexpr bool is_or_is_beneath(std::string_view path, std::string_view folder) {
  if (folder.empty()) return !path.starts_with('/');
  if (!path.starts_with(folder)) return false;
  return path.size() == folder.size() || folder.back() == '/' || path[folder.size()] == '/';
}

}  // namespace unionroot::base
