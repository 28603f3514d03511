// Splits the kernel's command line and /etc/unionroot/boot.conf into settings. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::boot {

struct Setting {
  std::string key;
  std::string value;   // also empty if there was no "="
  std::string origin;  // "kernel command line", "/etc/unionroot/boot.conf:3": for messages
};

// The words of the kernel's command line before " -- ". Double quotes have the kernel's own rule.
std::vector<Setting> settings_of_command_line(std::string_view text);

struct SettingsOfFile {
  std::vector<Setting> settings;
  std::vector<std::string> problems;  // lines that are left out, and why
};
// "key = value" lines; a line that begins with # is a comment.
SettingsOfFile settings_of_file(std::string_view text, const std::string& name);

// A name of a block device.
struct DeviceName {
  enum class Kind { path, label, uuid, part_uuid, part_label };
  Kind kind = Kind::path;
  std::string value;

  [[nodiscard]] std::string text() const;  // "LABEL=data"
  bool operator==(const DeviceName&) const = default;
};

// "/dev/sda2", "LABEL=data", "UUID=...", "PARTUUID=...", "PARTLABEL=..."; nullopt for anything else.
std::optional<DeviceName> parse_device_name(std::string_view text);

}  // namespace unionroot::boot
