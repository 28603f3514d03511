#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/output.h"
#include "schroot/details.h"
#include "schroot/facts.h"

namespace unionroot::schroot {

namespace {

using base::concat;
using Lines = std::vector<std::pair<std::string, std::string>>;

// A line that is there only where it says something.
void add_if(Lines& lines, const char* label, const std::string& value) {
  if (!value.empty()) lines.emplace_back(label, value);
}

void add_who(Lines& lines, const Facts& facts) {
  lines.emplace_back("Name", facts.text("name"));
  lines.emplace_back("Description", facts.description());
  lines.emplace_back("Type", facts.shown_type);
  lines.emplace_back("Message Verbosity", facts.text("message-verbosity"));
  lines.emplace_back("Users", facts.access("users", " "));
  lines.emplace_back("Groups", facts.access("groups", " "));
  lines.emplace_back("Root Users", facts.access("root-users", " "));
  lines.emplace_back("Root Groups", facts.access("root-groups", " "));
  lines.emplace_back("Aliases", facts.aliases(" "));
  lines.emplace_back("Preserve Environment", word(facts.flag("preserve-environment")));
  lines.emplace_back("Default Shell", facts.text("shell"));
  lines.emplace_back("Environment Filter", facts.text("environment-filter"));
}

void add_session(Lines& lines, const Facts& facts) {
  const bool session = facts.kind == Kind::session;
  lines.emplace_back("Run Setup Scripts", word(!facts.plain));
  lines.emplace_back("Configuration Profile", facts.profile());
  lines.emplace_back("Script Configuration", facts.text("script-config"));
  lines.emplace_back("Session Managed", word(!session && !facts.plain));
  lines.emplace_back("Session Cloned", word(!session && !facts.plain && facts.has_sources()));
  lines.emplace_back("Session Purged", word(session && facts.flag("purgeable")));
  add_if(lines, "Command Prefix", facts.list("command-prefix", " "));
  if (session) add_if(lines, "Mount Location", facts.text("location"));
  add_if(lines, "Path", facts.path());
}

void add_source(Lines& lines, const Facts& facts) {
  if (facts.plain || facts.type == "directory") lines.emplace_back("Directory", facts.text("directory"));
  if (facts.type == "file" || facts.type == "loopback" || facts.type == "image")
    lines.emplace_back("File", facts.text("source-file"));
  if (facts.type == "file") lines.emplace_back("File Repack", word(facts.of_source));
  if (facts.type == "block-device" || facts.type == "lvm-snapshot") lines.emplace_back("Device", facts.text("device"));
  if (facts.shown_type == "lvm-snapshot") add_if(lines, "LVM Snapshot Options", facts.text("lvm-snapshot-options"));
  if (facts.type == "btrfs-snapshot" && facts.of_source)
    lines.emplace_back("Directory", facts.text("btrfs-source-subvolume"));
  if (facts.shown_type == "btrfs-snapshot") {
    lines.emplace_back("Btrfs Source Subvolume", facts.text("btrfs-source-subvolume"));
    lines.emplace_back("Btrfs Snapshot Directory", facts.text("btrfs-snapshot-directory"));
  }
  if (facts.type == "zfs-snapshot") {
    lines.emplace_back("ZFS Source Dataset", facts.text("zfs-dataset"));
    add_if(lines, "ZFS Snapshot Options", facts.text("zfs-snapshot-options"));
  }
}

void add_union(Lines& lines, const Facts& facts) {
  if (facts.has_mount_options()) {
    add_if(lines, "Mount Options", facts.text("mount-options"));
    add_if(lines, "Location", facts.inner());
  }
  if (!facts.has_union_keys()) return;
  lines.emplace_back("Filesystem Union Type", facts.has_union() ? facts.text("union-type") : std::string("none"));
  if (!facts.has_union()) return;
  add_if(lines, "Filesystem Union Mount Options", facts.text("union-mount-options"));
  lines.emplace_back("Filesystem Union Overlay Directory", facts.overlay());
  lines.emplace_back("Filesystem Union Underlay Directory", facts.underlay());
}

void add_rest(Lines& lines, const Facts& facts) {
  if (facts.kind == Kind::session) {
    lines.emplace_back("Original Chroot Name", facts.text("chroot"));
    lines.emplace_back("Selected Chroot Name", facts.selected());
    lines.emplace_back("Session ID", facts.text("id"));
  }
  if (!facts.has_sources()) return;
  lines.emplace_back("Source Users", facts.source_access("source-users", " "));
  lines.emplace_back("Source Groups", facts.source_access("source-groups", " "));
  lines.emplace_back("Source Root Users", facts.source_access("source-root-users", " "));
  lines.emplace_back("Source Root Groups", facts.source_access("source-root-groups", " "));
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

std::string info_text(const nlohmann::json& info) {
  const Facts facts(info);
  Lines lines;
  add_who(lines, facts);
  add_session(lines, facts);
  add_source(lines, facts);
  lines.emplace_back("Personality", facts.personality());
  lines.emplace_back("User Modifiable Keys", facts.list("user-modifiable-keys", " "));
  lines.emplace_back("Root Modifiable Keys", facts.list("root-modifiable-keys", " "));
  lines.emplace_back("User Data", "");
  for (const auto& [key, value] : facts.user_data()) lines.emplace_back("  " + key, value);
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
