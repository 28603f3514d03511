#include "boot/devices.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/block_probe.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto between_looks = std::chrono::microseconds(100'000);

// Entries of /sys/class/block that are skipped: opening a floppy drive takes seconds, memory disks hold no layers, and
// a device of size 0 holds nothing.
bool is_passed_over(const std::string& name) {
  for (const std::string_view prefix : {"fd", "ram", "zram"})
    if (name.starts_with(prefix) && name.find_first_not_of("0123456789", prefix.size()) == std::string::npos)
      return true;
  return base::try_read_file(concat("/sys/class/block/", name, "/size"), 32).value_or("0") == "0\n";
}

std::vector<Device> all_devices() {
  std::vector<Device> devices;
  const UniqueFd folder(::open("/sys/class/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return devices;
  auto names = kernel::list_directory(folder.get());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    if (is_passed_over(name)) continue;
    // A "!" in a name in sysfs stands for a "/" in the device's name.
    std::string path = concat("/dev/", name);
    std::replace(path.begin(), path.end(), '!', '/');
    const UniqueFd open(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (open) devices.push_back(look_at_device(path, open));
  }
  return devices;
}

std::vector<Device> device_at(const std::string& path) {
  const UniqueFd open(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!open && errno == ENOENT) {
    const auto mapped = mapped_device(path);
    return mapped.empty() ? std::vector<Device>{} : device_at(mapped);
  }
  if (!open && (errno == ENXIO || errno == ENODEV)) return {};
  base::check(open.get(), "opening", path);
  struct stat facts {};
  base::check(::fstat(open.get(), &facts), "looking at", path);
  if (!S_ISBLK(facts.st_mode)) throw Error(ErrorCode::failed, concat(base::printable(path), " is not a block device"));
  return {look_at_device(path, open)};
}

}  // namespace

Device look_at_device(const std::string& path, const UniqueFd& open) {
  Device device;
  device.path = path;
  struct stat facts {};
  if (::fstat(open.get(), &facts) == 0) device.number = facts.st_rdev;
  try {
    const auto content = kernel::probe_content(open.get(), {}, path);
    (content.filesystem ? device.type : device.other) = content.type;
    device.label = content.label;
    device.uuid = content.uuid;
    const auto entry = kernel::partition_entry(open.get(), path);
    device.part_uuid = entry.uuid;
    device.part_label = entry.label;
  } catch (const Error& error) {
    base::log::debug(error.what());
  }
  return device;
}

std::string mapped_device(const std::string& path) {
  const auto parts = base::split(path, '/');
  if (parts.size() != 3 || parts[0] != "dev") return {};
  // lvm(8): the mapped device of /dev/VG/LV is called VG-LV, where each "-" inside VG and LV is doubled.
  const auto doubled = [](const std::string& name) { return base::join(base::split(name, '-', true), "--"); };
  const auto wanted = parts[1] == "mapper" ? parts[2] : concat(doubled(parts[1]), "-", doubled(parts[2]));
  const UniqueFd folder(::open("/sys/class/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return {};
  for (const auto& name : kernel::list_directory(folder.get()))
    if (name.starts_with("dm-") &&
        base::try_read_file(concat("/sys/class/block/", name, "/dm/name"), 256) == concat(wanted, "\n"))
      return concat("/dev/", name);
  return {};
}

bool is_meant(const DeviceName& name, const Device& device) {
  const auto same = [](const std::string& a, const std::string& b) {
    return !a.empty() && ::strcasecmp(a.c_str(), b.c_str()) == 0;
  };
  switch (name.kind) {
    case DeviceName::Kind::path: return name.value == device.path;
    case DeviceName::Kind::label: return name.value == device.label;
    case DeviceName::Kind::uuid: return same(name.value, device.uuid);
    case DeviceName::Kind::part_uuid: return same(name.value, device.part_uuid);
    case DeviceName::Kind::part_label: return name.value == device.part_label;
  }
  return false;
}

std::string list_devices(const std::vector<Device>& devices) {
  std::string out;
  for (const auto& device : devices) {
    out += concat(out.empty() ? "" : ", ", device.path, " (",
                  device.type.empty() ? device.other.empty() ? "no file system" : device.other : device.type);
    if (!device.label.empty()) out += concat(", LABEL=", base::printable(device.label));
    if (!device.part_label.empty()) out += concat(", PARTLABEL=", base::printable(device.part_label));
    out += ")";
  }
  return out.empty() ? "none" : out;
}

Device wait_for_device(const DeviceName& name, std::chrono::seconds limit, Several several) {
  const auto end = Clock::now() + limit;
  while (true) {
    const bool by_path = name.kind == DeviceName::Kind::path;
    auto devices = by_path ? device_at(name.value) : all_devices();
    auto found = devices;
    // A path needs no comparison. The device may have been found under another path.
    if (!by_path) std::erase_if(found, [&](const Device& device) { return !is_meant(name, device); });
    const auto shown = base::printable(name.text());
    if (found.size() > 1) {
      const auto which = concat("several devices have ", shown, ": ", list_devices(found));
      if (several == Several::refused) throw Error(ErrorCode::failed, which, "name it by its UUID= or PARTUUID=");
      base::log::warning(concat(which, "; the first is used"));
    }
    if (!found.empty()) return found.front();
    if (Clock::now() >= end)
      throw Error(
          ErrorCode::timed_out,
          concat("device ", shown, " did not appear within ", static_cast<std::uint64_t>(limit.count()), " seconds"),
          concat("there are: ", list_devices(by_path ? all_devices() : devices)));
    ::usleep(static_cast<useconds_t>(between_looks.count()));
  }
}

}  // namespace unionroot::boot
