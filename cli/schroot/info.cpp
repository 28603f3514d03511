#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "schroot/details.h"

namespace unionroot::schroot {

namespace {

using base::concat;
using Lines = std::vector<std::pair<std::string, std::string>>;

enum class Kind { chroot, source, session };

// The daemon's answer, in schroot's keys.
class Facts {
 public:
  explicit Facts(const nlohmann::json& info) : info_(info) {
    static const auto nothing = nlohmann::json::object();
    const auto found = info.find("schroot-keys");
    keys_ = found != info.end() && found->is_object() ? &*found : &nothing;
    const auto given = cli::text_of(info, "kind");
    kind = given == "session" ? Kind::session : given == "source" ? Kind::source : Kind::chroot;
    plain = key("type") == "plain";
  }

  [[nodiscard]] const nlohmann::json& keys() const { return *keys_; }
  [[nodiscard]] bool has(const char* name) const { return keys_->contains(name); }
  [[nodiscard]] std::string key(const char* name) const { return cli::text_of(*keys_, name); }
  // A list, with blanks instead of commas.
  [[nodiscard]] std::string list(const char* name) const {
    auto text = key(name);
    std::replace(text.begin(), text.end(), ',', ' ');
    return text;
  }
  [[nodiscard]] bool cloned() const { return has("source-clone"); }
  [[nodiscard]] bool purged() const { return cli::is_true(info_, "purgeable"); }
  [[nodiscard]] bool of_source() const { return kind == Kind::source || cli::is_true(info_, "source"); }

  Kind kind = Kind::chroot;
  bool plain = false;

 private:
  const nlohmann::json& info_;
  const nlohmann::json* keys_;
};

std::string word(bool value) { return value ? "true" : "false"; }

// Adds a line only if it has a value.
void add_if(Lines& lines, const char* label, const std::string& value) {
  if (!value.empty()) lines.emplace_back(label, value);
}

void add_who(Lines& lines, const Facts& facts, const std::string& name) {
  lines.emplace_back("Name", name);
  lines.emplace_back("Description", facts.key("description"));
  lines.emplace_back("Type", facts.key("type"));
  lines.emplace_back("Message Verbosity", facts.key("message-verbosity"));
  lines.emplace_back("Users", facts.list("users"));
  lines.emplace_back("Groups", facts.list("groups"));
  lines.emplace_back("Root Users", facts.list("root-users"));
  lines.emplace_back("Root Groups", facts.list("root-groups"));
  lines.emplace_back("Aliases", facts.list("aliases"));
  lines.emplace_back("Preserve Environment", facts.key("preserve-environment"));
  lines.emplace_back("Default Shell", facts.key("shell"));
  lines.emplace_back("Environment Filter", facts.key("environment-filter"));
}

void add_session(Lines& lines, const Facts& facts, const std::string& path) {
  const bool session = facts.kind == Kind::session;
  lines.emplace_back("Run Setup Scripts", word(!facts.plain));
  lines.emplace_back("Configuration Profile", facts.key("profile"));
  lines.emplace_back("Script Configuration", facts.key("script-config"));
  lines.emplace_back("Session Managed", word(!session && !facts.plain));
  lines.emplace_back("Session Cloned", word(!session && !facts.plain && facts.cloned()));
  lines.emplace_back("Session Purged", word(session && facts.purged()));
  add_if(lines, "Command Prefix", facts.list("command-prefix"));
  if (session) add_if(lines, "Mount Location", facts.key("mount-location"));
  add_if(lines, "Path", path);
}

void add_source(Lines& lines, const Facts& facts) {
  static constexpr std::pair<const char*, const char*> places[] = {
      {"directory", "Directory"}, {"file", "File"}, {"device", "Device"}};
  for (const auto& [key, label] : places)
    if (facts.has(key)) lines.emplace_back(label, facts.key(key));
  if (facts.key("type") == "file") {
    lines.emplace_back("File Repack", word(facts.of_source()));
    add_if(lines, "Location", facts.key("location"));
  }
  static constexpr std::pair<const char*, const char*> details[] = {
      {"lvm-snapshot-options", "LVM Snapshot Options"},
      {"btrfs-source-subvolume", "Btrfs Source Subvolume"},
      {"btrfs-snapshot-directory", "Btrfs Snapshot Directory"},
      {"zfs-dataset-name", "ZFS Source Dataset"},
      {"zfs-snapshot-options", "ZFS Snapshot Options"}};
  for (const auto& [key, label] : details) add_if(lines, label, facts.key(key));
}

void add_user_data(Lines& lines, const Facts& facts) {
  lines.emplace_back("User Data", "");
  for (const auto& [key, value] : facts.keys().items())
    if (key.find('.') != std::string::npos) lines.emplace_back("  " + key, facts.key(key.c_str()));
}

void add_union(Lines& lines, const Facts& facts) {
  add_if(lines, "Mount Options", facts.key("mount-options"));
  if (facts.key("type") != "file") add_if(lines, "Location", facts.key("location"));
  if (facts.kind == Kind::source || !facts.has("union-type")) return;
  lines.emplace_back("Filesystem Union Type", facts.key("union-type"));
  if (facts.key("union-type") == "none") return;
  add_if(lines, "Filesystem Union Mount Options", facts.key("union-mount-options"));
  lines.emplace_back("Filesystem Union Overlay Directory", facts.key("union-overlay-directory"));
  lines.emplace_back("Filesystem Union Underlay Directory", facts.key("union-underlay-directory"));
}

void add_rest(Lines& lines, const Facts& facts) {
  if (facts.kind == Kind::session) {
    lines.emplace_back("Original Chroot Name", facts.key("original-name"));
    lines.emplace_back("Selected Chroot Name", facts.key("selected-name"));
    lines.emplace_back("Session ID", facts.key("name"));
  }
  if (!facts.cloned()) return;
  lines.emplace_back("Source Users", facts.list("source-users"));
  lines.emplace_back("Source Groups", facts.list("source-groups"));
  lines.emplace_back("Source Root Users", facts.list("source-root-users"));
  lines.emplace_back("Source Root Groups", facts.list("source-root-groups"));
}

const char* title_of(Kind kind) {
  switch (kind) {
    case Kind::session: return "Session";
    case Kind::source: return "Source";
    case Kind::chroot: break;
  }
  return "Chroot";
}

}  // namespace

std::string path_text(const nlohmann::json& info) {
  const Facts facts(info);
  if (facts.kind == Kind::session) return facts.key("mount-location");
  return facts.plain ? facts.key("directory") : facts.key("location");
}

std::string info_text(const nlohmann::json& info) {
  const Facts facts(info);
  Lines lines;
  add_who(lines, facts, cli::text_of(info, "name"));
  add_session(lines, facts, path_text(info));
  add_source(lines, facts);
  lines.emplace_back("Personality", facts.has("personality") ? facts.key("personality") : std::string("undefined"));
  lines.emplace_back("User Modifiable Keys", facts.list("user-modifiable-keys"));
  lines.emplace_back("Root Modifiable Keys", facts.list("root-modifiable-keys"));
  add_user_data(lines, facts);
  add_union(lines, facts);
  add_rest(lines, facts);

  std::size_t width = 20;
  for (const auto& [label, value] : lines) width = std::max(width, label.size());
  std::string out = concat("  ─── ", title_of(facts.kind), " ───\n");
  for (const auto& [label, value] : lines)
    out += concat("  ", label, std::string(width - label.size() + 2, ' '), cli::safe(value), "\n");
  return out;
}

}  // namespace unionroot::schroot
