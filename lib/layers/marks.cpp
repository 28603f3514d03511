#include "layers/marks.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "layers/planted.h"

namespace unionroot::layers {

namespace {

// Linux limits values and lists of names to this size (xattr(7)).
constexpr std::size_t longest = std::size_t{64} << 10;

std::string place_of(int handle) { return base::concat("/proc/self/fd/", handle); }

bool has_none(int error) { return error == ENODATA || error == EOPNOTSUPP; }

std::optional<std::string> value_of(const std::string& place, const std::string& name) {
  std::string value(256, '\0');
  auto size = ::getxattr(place.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0 && errno == ERANGE) {
    value.resize(longest);
    size = ::getxattr(place.c_str(), name.c_str(), value.data(), value.size());
  }
  if (size < 0 && has_none(errno)) return std::nullopt;
  if (size < 0) base::throw_errno("reading the attribute", base::printable(name));
  value.resize(static_cast<std::size_t>(size));
  return value;
}

std::vector<std::string> names_of(const std::string& place) {
  std::string names(1024, '\0');
  auto size = ::listxattr(place.c_str(), names.data(), names.size());
  if (size < 0 && errno == ERANGE) {
    names.resize(longest);
    size = ::listxattr(place.c_str(), names.data(), names.size());
  }
  if (size < 0 && has_none(errno)) return {};
  if (size < 0) base::throw_errno("reading the names of attributes");
  names.resize(static_cast<std::size_t>(size));
  return base::split(names, '\0');
}

}  // namespace

Marks read_marks(int handle, const struct stat& status, const Options& options) {
  Marks marks;
  marks.whiteout = S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
  if (marks.whiteout) return marks;
  const std::string prefix = options.user_attributes ? "user.overlay." : "trusted.overlay.";
  const auto place = place_of(handle);
  for (auto& name : names_of(place)) {
    // An overlay stores a user's "trusted.overlay.x" as "trusted.overlay.overlay.x".
    if (!name.starts_with(prefix) || name.starts_with(prefix + "overlay.")) {
      marks.others.push_back(std::move(name));
      continue;
    }
    const auto what = name.substr(prefix.size());
    const bool is_file = S_ISREG(status.st_mode);
    if (what == "whiteout") marks.whiteout = is_file && status.st_size == 0 && !planted(1);
    if (what == "opaque" && S_ISDIR(status.st_mode)) marks.opaque = value_of(place, name) == "y";
    if (what == "metacopy") marks.metacopy = is_file;
    if (what == "impure") marks.impure = value_of(place, name) == "y";
    if (what == "redirect") marks.redirect = value_of(place, name);
    if (what == "origin") marks.origin = name;
    if (what == "nlink") marks.links = value_of(place, name).value_or("");
  }
  if (marks.redirect && marks.redirect->empty()) marks.redirect.reset();
  return marks;
}

std::map<std::string, std::string> read_values(int handle, const std::vector<std::string>& names) {
  std::map<std::string, std::string> values;
  const auto place = place_of(handle);
  for (const auto& name : names)
    if (auto value = value_of(place, name)) values.emplace(name, std::move(*value));
  return values;
}

}  // namespace unionroot::layers
