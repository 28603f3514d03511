#include "boot/plan_reading.h"

#include <sys/mount.h>

#include <algorithm>

#include "base/text.h"
#include "boot/folders.h"

namespace unionroot::boot {

using base::concat;

namespace {

// In seconds. The limit exists because a typing error must not delay the boot for a day.
constexpr std::uint64_t longest_wait = 3600;
constexpr std::size_t longest_path = 4095;

bool is_type(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// Whether the text is the path of a program. The script for initramfs-tools writes it to a file that a shell reads, so
// characters that a shell treats specially are refused.
bool is_program(std::string_view text) {
  return text.size() > 1 && text.size() <= longest_path && text.front() == '/' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("/._+-").find(c) != std::string_view::npos;
         });
}

// --- one function for each parameter

void take_root(Reading& reading, const Setting& setting) {
  if (setting.value.empty()) return;
  const auto device = parse_device_name(setting.value);
  if (!device)
    return reading.problem(
        setting, "expected a path in /dev, LABEL=, UUID=, PARTUUID= or PARTLABEL=", "the current root is used");
  reading.plan_.lower.device = device;
}

void take_root_type(Reading& reading, const Setting& setting) {
  const auto types = base::split(setting.value, ',');
  if (types.empty() || !std::all_of(types.begin(), types.end(), is_type))
    return reading.problem(setting, "expected the name of a file system, such as ext4",
                           "the type found on the device is used");
  reading.plan_.lower.types = types;
}

void take_root_options(Reading& reading, const Setting& setting) {
  const auto words = parse_mount_options(setting.value);
  if (!words) return reading.problem(setting, "this is not a list of mount options", "it is ignored");
  reading.plan_.lower.options = *words;
}

void take_root_init(Reading& reading, const Setting& setting) {
  if (!is_program(setting.value))
    return reading.problem(setting, "expected the absolute path of a program, without unusual characters",
                           concat(reading.plan_.init, " is used"));
  reading.plan_.init = setting.value;
}

void take_init(Reading& reading, const Setting& setting) {
  if (!is_program(setting.value))
    return reading.problem(setting, "expected the absolute path of a program, without unusual characters",
                           "it is ignored");
  reading.plan_.other_init = setting.value;
}

void take_upper(Reading& reading, const Setting& setting) {
  auto& upper = reading.plan_.upper;
  reading.plan_.asked = true;
  upper.device.reset();
  upper.unusable.clear();
  if (setting.value.empty() || setting.value == "tmpfs") return;
  upper.device = parse_device_name(setting.value);
  if (upper.device) return;
  upper.unusable = concat(setting.origin, ": rootrw=", base::printable(setting.value),
                          ": expected tmpfs, a path in /dev, LABEL=, UUID=, PARTUUID= or PARTLABEL=");
}

void take_upper_type(Reading& reading, const Setting& setting) {
  if (!is_type(setting.value))
    return reading.problem(setting, "expected the name of a file system, such as ext4",
                           "the type found on the device is used");
  reading.plan_.upper.type = setting.value;
}

void take_upper_options(Reading& reading, const Setting& setting) {
  auto words = parse_mount_options(setting.value);
  if (!words) return reading.problem(setting, "this is not a list of mount options", "the default is used");
  if (words->read_only) reading.problem(setting, "an upper layer must be writable", "ro is ignored");
  words->read_only = false;
  reading.upper_options_ = words;
}

void take_reset(Reading& reading, const Setting& setting) {
  if (setting.value != "yes" && setting.value != "no")
    return reading.problem(setting, "expected yes or no", "nothing is deleted");
  reading.plan_.upper.reset = setting.value == "yes";
}

void take_overlayfs(Reading& reading, const Setting& setting) {
  if (setting.value != "yes" && setting.value != "no")
    return reading.problem(setting, "expected yes or no", "it is ignored");
  reading.plan_.refused = setting.value == "no";
  if (setting.value == "no") return;
  reading.plan_.asked = true;
  // This parameter comes from the system with the layout `boundary`, so its user expects that layout.
  if (reading.plan_.layout == Layout::by_partition) reading.plan_.layout = Layout::boundary;
}

// 1 to 100; 0 if the text is no percentage.
std::uint64_t percentage(std::string_view text) {
  const auto percent = base::parse_unsigned(text);
  return percent && *percent <= 100 ? *percent : 0;
}

void take_percentage(Reading& reading, const Setting& setting) {
  std::string_view number = setting.value;
  if (number.ends_with('%')) number.remove_suffix(1);
  if (percentage(number) == 0)
    return reading.problem(setting, "expected a percentage of the memory, 1 to 100",
                           concat(reading.plan_.memory_size, " is used"));
  reading.plan_.memory_size = concat(percentage(number), "%");
}

// A size as tmpfs(5) describes it.
void take_size(Reading& reading, const Setting& setting) {
  const std::string_view text = setting.value;
  const auto number = text.substr(0, text.find_first_not_of("0123456789"));
  const auto unit = text.substr(number.size());
  const bool sized = unit.size() <= 1 && (unit.empty() || std::string_view("kKmMgG").find(unit) != std::string::npos);
  const bool good = unit == "%" ? percentage(number) != 0 : sized && base::parse_unsigned(number).value_or(0) > 0;
  if (!good)
    return reading.problem(setting, "expected a percentage of the memory, such as 20%, or a size, such as 512m",
                           concat(reading.plan_.memory_size, " is used"));
  reading.plan_.memory_size = text;
}

void take_image(Reading& reading, const Setting& setting) {
  const auto parts = base::split(setting.value, '/');
  const bool plain = setting.value.size() <= longest_path && is_plain(setting.value) && !parts.empty() &&
                     std::find(parts.begin(), parts.end(), "..") == parts.end();
  reading.plan_.asked = true;
  reading.plan_.upper.image = plain ? setting.value : std::string{};
  reading.bad_image_ = plain ? std::string{}
                             : concat(setting.origin, ": rootrwimage=", base::printable(setting.value),
                                      ": expected the path of a file on the device of rootrw=");
}

void take_folders(Reading& reading, const Setting& setting) {
  auto& folders = reading.plan_.folders;
  folders.clear();
  for (const auto& word : base::split(setting.value, ',')) {
    const std::string folder(base::trim(word));
    if (const auto why = folder_problem(folder); !why.empty())
      reading.problem({setting.key, folder, setting.origin}, why, "it is ignored");
    else if (std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  }
}

void take_on_failure(Reading& reading, const Setting& setting) {
  if (setting.value == "tmpfs")
    reading.plan_.on_failure = OnFailure::temporary;
  else if (setting.value == "read-only" || setting.value == "ro")
    reading.plan_.on_failure = OnFailure::read_only;
  else
    reading.problem(setting, "expected tmpfs or read-only",
                    reading.plan_.on_failure == OnFailure::temporary ? "tmpfs is used" : "read-only is used");
}

void take_base(Reading& reading, const Setting& setting) {
  for (const auto& [name, policy] : base_policies) {
    if (setting.value != name) continue;
    reading.plan_.on_other_base = policy;
    return;
  }
  reading.problem(setting, "expected keep, discard or accept",
                  concat(base_policy_name(reading.plan_.on_other_base), " is used"));
}

void take_check(Reading& reading, const Setting& setting) {
  auto& check = reading.plan_.check;
  if (setting.value == "auto")
    check = CheckMode::automatic;
  else if (setting.value == "force")
    check = CheckMode::forced;
  else if (setting.value == "skip")
    check = CheckMode::skipped;
  else
    reading.problem(setting, "expected auto, force or skip", "it is ignored");
}

void take_wait(Reading& reading, const Setting& setting) {
  const auto seconds = base::parse_unsigned(setting.value);
  if (!seconds || *seconds > longest_wait)
    return reading.problem(setting, "expected a number of seconds, at most 3600",
                           concat(static_cast<std::uint64_t>(reading.plan_.wait.count()), " is used"));
  reading.plan_.wait = std::chrono::seconds(*seconds);
}

void take_layout(Reading& reading, const Setting& setting) {
  for (const auto layout : {Layout::br2, Layout::yocto, Layout::boundary}) {
    if (setting.value != layout_name(layout)) continue;
    reading.plan_.layout = layout;
    return;
  }
  reading.problem(setting, "expected br2, yocto or boundary", "it is ignored");
}

void take_debug(Reading& reading, const Setting&) { reading.plan_.debug = true; }

struct Parameter {
  std::string_view key;
  void (*take)(Reading&, const Setting&);
  bool in_file;  // allowed in boot.conf, which can only be read after the lower layer is mounted
};

constexpr std::array<Parameter, 20> parameters{{
    {"root", take_root, false},
    {"rootfstype", take_root_type, false},
    {"rootoptions", take_root_options, false},
    {"rootinit", take_root_init, true},
    {"init", take_init, false},
    {"rootrw", take_upper, true},
    {"rootrwfstype", take_upper_type, true},
    {"overlayrootfstype", take_upper_type, true},
    {"rootrwoptions", take_upper_options, true},
    {"overlayrootfsflags", take_upper_options, true},
    {"rootrwreset", take_reset, true},
    {"rootrwfail", take_on_failure, true},
    {"rootrwbase", take_base, true},
    {"fsck.mode", take_check, true},
    {"rootrwwait", take_wait, true},
    {"overlayfs", take_overlayfs, true},
    {"ofs-size", take_percentage, true},
    {"rootrwsize", take_size, true},
    {"rootrwimage", take_image, true},
    {"debug", take_debug, false},
}};

}  // namespace

void Reading::take(const Setting& setting, bool from_file) {
  // The name on the command line has a dot, so the kernel does not pass it to init as an environment variable.
  if (setting.key == (from_file ? "layout" : "unionroot.layout")) return take_layout(*this, setting);
  if (from_file && setting.key == "overlay") return take_folders(*this, setting);
  const auto* const found = std::find_if(parameters.begin(), parameters.end(),
                                         [&](const Parameter& parameter) { return parameter.key == setting.key; });
  if (found != parameters.end() && (found->in_file || !from_file)) return found->take(*this, setting);
  if (from_file)
    problem(setting,
            found == parameters.end() ? "there is no such setting" : "only the kernel command line can have it",
            "it is ignored");
}

void Reading::finish() {
  auto& upper = plan_.upper;
  if (upper.unusable.empty()) upper.unusable = bad_image_;
  if (!upper.device) {
    if (!upper.image.empty() && upper.unusable.empty())
      upper.unusable = concat("rootrwimage=", upper.image, ": rootrw= does not say on which device that file is");
    const auto defaults = memory_upper(plan_.memory_size);
    upper.type.clear();
    upper.options = upper_options_.value_or(defaults.options);
    const bool sized = std::any_of(upper.options.options.begin(), upper.options.options.end(), [](const auto& option) {
      return option.first == "size" || option.first == "nr_blocks";
    });
    if (!sized) upper.options.options.emplace_back("size", plan_.memory_size);
    return;
  }
  upper.options = upper_options_.value_or(MountWords{MOUNT_ATTR_NOATIME, {}, false});
  // The default that br2 documents has mode=. No partition can be mounted with that.
  if (std::erase_if(upper.options.options, [](const auto& option) { return option.first == "mode"; }) != 0)
    plan_.notes.emplace_back("rootrwoptions: mode= is for an upper layer in memory; it is ignored");
}

}  // namespace unionroot::boot
