#include "mount/overlay_entry.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"

namespace unionroot::mount {

namespace {

// The values that overlayfs has for each option; empty: a flag. From the kernel's overlayfs manual.
const std::map<std::string, std::set<std::string>>& overlay_words() {
  static const std::map<std::string, std::set<std::string>> words = {
      {"redirect_dir", {"on", "off", "follow", "nofollow"}},
      {"index", {"on", "off"}},
      {"metacopy", {"on", "off"}},
      {"nfs_export", {"on", "off"}},
      {"xino", {"on", "off", "auto"}},
      {"uuid", {"on", "off", "null", "auto"}},
      {"verity", {"on", "off", "require"}},
      {"default_permissions", {}},
  };
  return words;
}

[[noreturn]] void refuse(const std::string& origin, const std::string& what, const std::string& hint = {}) {
  throw base::Error(base::ErrorCode::definition_invalid, base::concat(origin, ": ", what), hint);
}

[[noreturn]] void refuse_option(const std::string& what, const std::string& hint) {
  throw base::Error(base::ErrorCode::definition_invalid, what, hint);
}

void check_overlay_option(const std::string& key, const std::string& value) {
  const auto known = overlay_words().find(key);
  if (known == overlay_words().end()) {
    std::string expected;
    for (const auto& [name, values] : overlay_words()) expected += (expected.empty() ? "" : ", ") + name;
    refuse_option(base::concat("unknown overlay option ", base::printable(key)),
                  base::concat("expected one of ", expected));
  }
  if (known->second.contains(value) || (known->second.empty() && value.empty())) return;
  std::string expected;
  for (const std::string& word : known->second) expected += (expected.empty() ? "" : ", ") + word;
  refuse_option(base::concat("overlay option ", key, "=", base::printable(value)),
                expected.empty() ? "it takes no value" : base::concat("expected one of ", expected));
}

}  // namespace

std::optional<std::string> relative_to_root(const std::string& path) {
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) return std::nullopt;
  std::string out;
  for (const std::string& part : base::split(path, '/')) {
    if (part == "..") return std::nullopt;
    if (part == ".") continue;
    out += (out.empty() ? "" : "/") + part;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> overlay_options(const std::string& text) {
  static const std::set<std::string> ours = {"lowerdir", "lowerdir+", "datadir+", "upperdir",
                                             "workdir",  "userxattr", "volatile"};
  std::vector<std::pair<std::string, std::string>> options;
  for (const std::string& part : base::split(text, ',')) {
    const std::string word(base::trim(part));
    if (word.empty()) continue;
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (ours.contains(key))
      refuse_option(base::concat("overlay option ", key, ": the session sets it itself"), "leave it out");
    check_overlay_option(key, value);
    options.emplace_back(key, value);
  }
  return options;
}

OverlayEntry overlay_entry(const InnerMount& entry) {
  OverlayEntry overlay;
  std::string upper, work;
  const auto host_path = [&](const std::string& key, const std::string& path) {
    const auto relative = relative_to_root(path);
    if (!relative)
      refuse(entry.origin, base::concat(key, "=", base::printable(path), ": expected an absolute path without .."));
    return *relative;
  };
  for (const auto& [key, value] : entry.options) {
    if (key == "lowerdir") {
      for (const std::string& path : base::split(value, ':')) overlay.lowers.push_back("/" + host_path(key, path));
    } else if (key == "upperdir") {
      upper = host_path(key, value);
    } else if (key == "workdir") {
      work = host_path(key, value);
    } else {
      try {
        check_overlay_option(key, value);
      } catch (const base::Error& error) {
        refuse(entry.origin, error.what(), error.hint());
      }
      overlay.options.emplace_back(key, value);
    }
  }
  if (upper.empty() != work.empty()) refuse(entry.origin, "upperdir and workdir go together");
  if (overlay.lowers.empty() && upper.empty())
    refuse(entry.origin, "an overlay needs the option lowerdir=FOLDER, or upperdir=FOLDER and workdir=FOLDER");
  if (upper.empty()) return overlay;
  if (base::is_or_is_beneath(upper, work) || base::is_or_is_beneath(work, upper))
    refuse(entry.origin, "upperdir and workdir must not be one inside the other");
  // Both must be on one mount, so they are opened as one tree: the folder above both.
  std::size_t common = 0;
  for (std::size_t i = 0; i < upper.size() && i < work.size() && upper[i] == work[i]; ++i)
    if (upper[i] == '/') common = i + 1;
  overlay.store = "/" + upper.substr(0, common == 0 ? 0 : common - 1);
  overlay.upper = upper.substr(common);
  overlay.work = work.substr(common);
  if ((overlay.upper + overlay.work).find_first_of(",:\\") != std::string::npos)
    refuse(entry.origin, "a comma, colon or backslash in upperdir or workdir");
  return overlay;
}

}  // namespace unionroot::mount
