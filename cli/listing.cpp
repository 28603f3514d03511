#include "cli/listing.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/text.h"
#include "cli/output.h"
#include "cli/sessions.h"

namespace unionroot::cli {

namespace {

using nlohmann::json;

struct Label {
  const char* key;
  const char* label;
};

constexpr Label labels[] = {
    {"kind", "Kind"},
    {"name", "Name"},
    {"id", "Id"},
    {"description", "Description"},
    {"type", "Type"},
    {"aliases", "Aliases"},
    {"state", "State"},
    {"progress", "Progress"},
    {"error", "Error"},
    {"chroot", "Chroot"},
    {"selected-name", "Selected name"},
    {"owner", "Owner"},
    {"owner-uid", "Owner's uid"},
    {"created", "Created"},
    {"automatic", "Automatic"},
    {"source", "Source session"},
    {"location", "Location"},
    {"upper", "Upper layer"},
    {"layers", "Layers"},
    {"snapshots", "Snapshots"},
    {"upper-size", "Upper layer's size"},
    {"upper-used", "Upper layer's use"},
    {"notes", "Notes"},
    {"directory", "Directory"},
    {"source-file", "File"},
    {"device", "Device"},
    {"reference", "Image"},
    {"partition", "Partition"},
    {"unpack-limit", "Unpacked at most"},
    {"lower-directories", "Lower directories"},
    {"btrfs-source-subvolume", "Source subvolume"},
    {"zfs-dataset", "Dataset"},
    {"union-type", "Union"},
    {"union-backing", "Union backing"},
    {"union-size", "Union size"},
    {"union-volatile", "Union volatile"},
    {"union-filesystem", "Union file system"},
    {"union-device", "Union device"},
    {"union-device-options", "Device options"},
    {"union-reset", "Union reset"},
    {"union-mount-options", "Union options"},
    {"union-overlay-directory", "Overlay directory"},
    {"union-underlay-directory", "Underlay directory"},
    {"source-location", "Folder of the tree"},
    {"mount-options", "Mount options"},
    {"lvm-snapshot-options", "Snapshot options"},
    {"zfs-snapshot-options", "Snapshot options"},
    {"btrfs-snapshot-directory", "Snapshot directory"},
    {"profile", "Profile"},
    {"script-config", "Script configuration"},
    {"host-view", "Host view"},
    {"host-view-access", "Host view for"},
    {"users", "Users"},
    {"groups", "Groups"},
    {"root-users", "Root users"},
    {"root-groups", "Root groups"},
    {"source-users", "Source users"},
    {"source-groups", "Source groups"},
    {"source-root-users", "Source root users"},
    {"source-root-groups", "Source root groups"},
    {"shell", "Shell"},
    {"command-prefix", "Command prefix"},
    {"preserve-environment", "Preserve environment"},
    {"environment-filter", "Environment filter"},
    {"working-directory", "Working directory"},
    {"network", "Network"},
    {"hostname", "Host name"},
    {"resolv-conf", "resolv.conf"},
    {"nss", "Accounts"},
    {"no-new-privileges", "No new privileges"},
    {"dev", "Devices"},
    {"cgroup", "Control group"},
    {"on-boot", "On boot"},
    {"on-shutdown", "On shutdown"},
    {"hook-directories", "Hooks"},
    {"hook-time-limit", "Time for a hook"},
    {"personality", "Personality"},
    {"message-verbosity", "Message verbosity"},
    {"user-modifiable-keys", "Users may set"},
    {"root-modifiable-keys", "Root may set"},
    {"user-data", "User data"},
    {"file", "Defined in"},
    {"clonable", "Clonable"},
    {"has-source", "Has a source"},
    {"source-clone", "Source clone"},
    {"source-trouble", "Source trouble"},
    {"stages", "Stages"},
    {"runs", "Runs"},
};

std::string plain(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string time_of(const json& dictionary, const char* key) {
  const auto found = dictionary.find(key);
  return found != dictionary.end() && found->is_number_integer() ? format_time(found->get<std::int64_t>())
                                                                 : std::string();
}

std::string joined(const json& dictionary, const char* key) {
  std::vector<std::string> parts;
  const auto found = dictionary.find(key);
  if (found != dictionary.end() && found->is_array())
    for (const auto& part : *found) parts.push_back(plain(part));
  return base::join(parts, ",");
}

// One run: "pid 12 as joe since ...: make".
std::string run_line(const json& run) {
  const auto pid = run.find("pid");
  const auto left = text_of(run, "state") == "processes-left" ? "  (it has ended, processes of it go on)" : "";
  const auto group = text_of(run, "cgroup");
  const auto network = text_of(run, "network");
  return base::concat(text_of(run, "id"), "  pid ", pid == run.end() ? std::string("-") : plain(*pid), "  ",
                      text_of(run, "user"), "  ", time_of(run, "since"), "  ", text_of(run, "command"), left,
                      group.empty() ? "" : "  in ", group, network.empty() ? "" : "  network ", network);
}

// "unpacking /srv/base.tar.zst, 193.7 MiB of 429.1 MiB".
std::string progress_text(const json& value) {
  const auto bytes = [&](const char* key) {
    const auto found = value.find(key);
    return found != value.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : std::uint64_t{0};
  };
  const auto done = bytes("done"), total = bytes("total");
  auto text = text_of(value, "what");
  if (done != 0 || total != 0) text += ", " + format_size(done);
  if (total != 0) text += " of " + format_size(total);
  return text;
}

// A value as lines; the first stands beside the label.
std::vector<std::string> lines_of(const std::string& key, const json& info) {
  const json& value = info[key];
  if (key == "created") return {time_of(info, "created")};
  if ((key == "upper-size" || key == "upper-used" || key == "unpack-limit") && value.is_number_unsigned())
    return {format_size(value.get<std::uint64_t>())};
  if (key == "progress" && value.is_object()) return {progress_text(value)};
  std::vector<std::string> lines;
  if (value.is_object()) {
    for (const auto& [name, item] : value.items()) lines.push_back(name + "=" + plain(item));
  } else if (value.is_array() && (key == "stages" || key == "runs")) {
    for (const auto& item : value) {
      if (item.is_object() && key == "runs")
        lines.push_back(run_line(item));
      else if (item.is_object())
        lines.push_back(base::concat(text_of(item, "name"), ": ", text_of(item, "state")));
      else
        lines.push_back(plain(item));
    }
  } else if (value.is_array() && key == "notes") {
    for (const auto& item : value) lines.push_back(plain(item));
  } else if (value.is_array()) {
    lines.push_back(joined(info, key.c_str()));
  } else {
    lines = base::split(plain(value), '\n');
  }
  return lines;
}

void add_lines(std::string& out, const std::string& label, const std::vector<std::string>& lines, std::size_t width) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::string start = i == 0 ? safe(label) + ":" : std::string();
    out += start;
    out.append(width > start.size() ? width - start.size() : 1, ' ').append(safe(lines[i])).push_back('\n');
  }
}

std::vector<json> sorted(const json& items, const char* key) {
  std::vector<json> copies;
  for (const auto& item : items)
    if (item.is_object()) copies.push_back(item);
  std::stable_sort(copies.begin(), copies.end(),
                   [key](const json& a, const json& b) { return text_of(a, key) < text_of(b, key); });
  return copies;
}

}  // namespace

std::string session_table(const json& sessions) {
  std::vector<std::vector<std::string>> rows = {{"SESSION", "CHROOT", "OWNER", "STATE", "SINCE", "KIND"}};
  for (const auto& session : sorted(sessions, "id")) {
    std::string kind = is_true(session, "automatic") ? "automatic" : "preserved";
    if (is_true(session, "source")) kind += ",source";
    rows.push_back({text_of(session, "id"), text_of(session, "chroot"), text_of(session, "owner"),
                    text_of(session, "state"), time_of(session, "created"), kind});
  }
  return table(rows);
}

std::string chroot_table(const json& chroots, const json& broken) {
  std::vector<std::vector<std::string>> rows = {{"CHROOT", "TYPE", "UNION", "ALIASES", "DESCRIPTION"}};
  for (const auto& chroot : sorted(chroots, "name"))
    rows.push_back({text_of(chroot, "name"), text_of(chroot, "type"), text_of(chroot, "union-type"),
                    joined(chroot, "aliases"), text_of(chroot, "description")});
  for (const auto& one : sorted(broken, "name"))
    rows.push_back({text_of(one, "name"), "broken", "", "",
                    base::concat(text_of(one, "file"), ": ", base::split(text_of(one, "error"), '\n').front())});
  return table(rows);
}

json readable_pairs(json info) {
  const auto stages = info.find("stages");
  if (stages != info.end() && stages->is_array())
    for (auto& stage : *stages)
      if (stage.is_array() && stage.size() == 2) stage = json{{"name", stage[0]}, {"state", stage[1]}};
  const auto progress = info.find("progress");
  if (progress != info.end() && progress->is_array() && progress->size() == 3)
    *progress = json{{"what", (*progress)[0]}, {"done", (*progress)[1]}, {"total", (*progress)[2]}};
  return info;
}

std::string info_text(const json& given) {
  const json info = readable_pairs(given);
  constexpr std::size_t width = 22;
  std::string out;
  std::set<std::string> shown;
  for (const auto& [key, label] : labels) {
    shown.insert(key);
    if (info.contains(key)) add_lines(out, label, lines_of(key, info), width);
  }
  for (const auto& [key, value] : info.items())
    if (!shown.contains(key)) add_lines(out, key, lines_of(key, info), width);
  return out;
}

}  // namespace unionroot::cli
