#include "schroot/facts.h"

#include <vector>

#include "base/text.h"
#include "cli/sessions.h"

namespace unionroot::schroot {

using base::concat;

namespace {

constexpr const char* overlay_directory = "/var/lib/schroot/union/overlay";
constexpr const char* underlay_directory = "/var/lib/schroot/union/underlay";

}  // namespace

std::string word(bool value) { return value ? "true" : "false"; }

Facts::Facts(const nlohmann::json& info) : info_(info) {
  const auto given = text("kind");
  kind = given == "session" ? Kind::session : given == "source" ? Kind::source : Kind::chroot;
  type = text("type");
  of_source = kind == Kind::source || (kind == Kind::session && flag("source"));
  plain = type == "plain";
  shown_type = type;
  if (of_source && type == "btrfs-snapshot") shown_type = "directory";
  if (of_source && type == "lvm-snapshot") shown_type = "block-device";
}

std::string Facts::text(const char* key) const { return cli::text_of(info_, key); }

bool Facts::flag(const char* key) const {
  const auto found = info_.find(key);
  return found != info_.end() && found->is_boolean() && found->get<bool>();
}

std::string Facts::list(const char* key, const char* separator) const {
  std::vector<std::string> parts;
  const auto found = info_.find(key);
  if (found != info_.end() && found->is_array())
    for (const auto& each : *found)
      if (each.is_string()) parts.push_back(each.get<std::string>());
  return base::join(parts, separator);
}

bool Facts::has_sources() const { return flag("clonable") && !of_source; }

bool Facts::has_union_keys() const {
  return kind != Kind::source && (type == "directory" || type == "loopback" || type == "block-device");
}

bool Facts::has_union() const { return !of_source && text("union-type") != "none"; }

bool Facts::has_mount_options() const { return type == "loopback" || type == "block-device" || type == "lvm-snapshot"; }

std::string Facts::description() const {
  auto description = text("description");
  if (of_source) description += " (source chroot)";
  if (kind == Kind::session) description += " (session chroot)";
  return description;
}

std::string Facts::access(const char* key, const char* separator) const {
  if (kind == Kind::session) return std::string(key) == "users" ? text("owner") : std::string();
  return kind == Kind::source ? list(concat("source-", key).c_str(), separator) : list(key, separator);
}

std::string Facts::source_access(const char* key, const char* separator) const {
  return kind == Kind::session ? std::string() : list(key, separator);
}

std::string Facts::aliases(const char* separator) const {
  return kind == Kind::session ? std::string() : list("aliases", separator);
}

std::string Facts::path() const {
  if (kind == Kind::session) return text("location");
  return plain ? text("directory") : inner();
}

std::string Facts::overlay() const {
  if (kind == Kind::session && !text("upper").empty()) return text("upper");
  const auto given = text("union-overlay-directory");
  return given.empty() ? overlay_directory : given;
}

std::string Facts::underlay() const {
  const auto given = text("union-underlay-directory");
  const auto folder = given.empty() ? std::string(underlay_directory) : given;
  return kind == Kind::session ? concat(folder, "/", text("id")) : folder;
}

std::string Facts::personality() const {
  const auto given = text("personality");
  return given.empty() ? "undefined" : given;
}

std::map<std::string, std::string> Facts::user_data() const {
  std::map<std::string, std::string> pairs;
  const auto found = info_.find("user-data");
  if (found != info_.end() && found->is_object())
    for (const auto& [key, value] : found->items())
      if (value.is_string()) pairs[key] = value.get<std::string>();
  if (text("script-config").empty())
    for (const char* const file : {"config", "copyfiles", "fstab", "nssdatabases"})
      pairs.emplace(concat("setup.", file), concat(text("profile"), "/", file));
  return pairs;
}

std::string Facts::profile() const { return text("script-config").empty() ? text("profile") : std::string(); }

std::string Facts::selected() const {
  const auto given = text("selected-name");
  return given.substr(given.find(':') + 1);
}

}  // namespace unionroot::schroot
