#include "boot/folders.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "boot/fstab.h"

namespace unionroot::boot {

using base::concat;

namespace {

// systemd reads or makes these folders before it mounts anything.
constexpr std::array<std::string_view, 12> folders_of_init{"/bin",  "/boot", "/dev",  "/efi", "/etc", "/lib",
                                                           "/proc", "/run",  "/sbin", "/sys", "/tmp", "/usr"};

std::string options_text(const FolderPlaces& places) {
  std::string out;
  for (const auto& [key, value] : places.options()) out += concat(out.empty() ? "" : ",", key, "=", value);
  return out;
}

}  // namespace

FolderPlaces::FolderPlaces(const std::string& path) : folder(path), name(unit_of_path(path, "")) {
  source = path.substr(1);
  std::replace(source.begin(), source.end(), '/', '-');
  backing = "/run/buildroot/mounts/var";
  if (path != "/var") {
    std::string one = path.substr(1);
    std::replace(one.begin(), one.end(), '/', '!');
    backing = concat("/run/unionroot/mounts/", one);
  }
  lower = concat(backing, "/lower");
  upper = concat(backing, "/upper");
  work = concat(backing, "/work");
}

kernel::MountOptions FolderPlaces::options() const {
  return {{"lowerdir", lower},    {"upperdir", upper}, {"workdir", work},
          {"redirect_dir", "on"}, {"index", "on"},     {"xino", "on"}};
}

std::string folder_problem(std::string_view folder) {
  const auto parts = base::split(folder, '/');
  const bool plain = !folder.empty() && folder.front() == '/' && !folder.ends_with('/') &&
                     std::all_of(folder.begin(), folder.end(), [](char c) {
                       return c > ' ' && c < '\x7f' && std::string_view(":,\\\"'$%").find(c) == std::string_view::npos;
                     });
  if (!plain || parts.empty() || folder.find("//") != std::string_view::npos ||
      std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part == "." || part == ".."; }))
    return "expected the absolute path of a folder, without unusual characters";
  const auto first = concat("/", parts[0]);
  if (std::find(folders_of_init.begin(), folders_of_init.end(), first) != folders_of_init.end() ||
      first.starts_with("/lib"))
    return "init reads it before units mount anything; rootrw= lays an overlay over the whole root";
  return {};
}

std::vector<std::pair<std::string, std::string>> units_for_folder(const std::string& folder,
                                                                  const std::string& program) {
  const FolderPlaces places(folder);
  const auto prepare = concat("prepare-", places.name, "-overlay.service");
  const auto backing = unit_of_path(places.backing, ".mount");
  const auto begin = [&](const char* what) {
    return concat("[Unit]\nDescription=", what, " ", folder,
                  "\nDocumentation=man:unionroot-boot(7)\nDefaultDependencies=no\nConditionPathIsSymbolicLink=!",
                  folder, "\nConflicts=umount.target\nBefore=umount.target\n");
  };
  return {
      {backing, concat(begin("Changes of"), "After=local-fs-pre.target\n\n[Mount]\nWhat=", places.source,
                       "_overlay_tmpfs\nWhere=", places.backing, "\nType=tmpfs\nOptions=mode=755\nLazyUnmount=true\n")},
      // Wants= instead of Requires=: if the backing fails, memory is used. RequiresMountsFor= of the folder would be
      // wrong, too: it means the very mount that waits for this unit.
      {prepare, concat(begin("Layers of the overlay over"), "Wants=", backing, "\nAfter=", backing,
                       "\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=", program, " prepare ", folder,
                       "\nExecStop=", program, " release ", folder, "\n")},
      {concat(places.name, ".mount"),
       concat(begin("Overlay over"), "BindsTo=", prepare, "\nAfter=", prepare,
              "\nBefore=local-fs.target\n\n[Mount]\nWhat=overlay_", places.source, "\nWhere=", folder,
              "\nType=overlay\nOptions=", options_text(places), "\nLazyUnmount=true\n")},
  };
}

}  // namespace unionroot::boot
