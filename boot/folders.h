// Overlays over single folders of a read-only root, such as /var. systemd's units mount them. A generator writes the
// units, and the units start two steps of this program.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/mounts.h"

namespace unionroot::boot {

// Where the parts of a folder's overlay are mounted. /var has the paths and names of Buildroot, so a drop-in for
// Buildroot's units works.
struct FolderPlaces {
  std::string folder;   // "/var"
  std::string backing;  // mount point of what holds the upper layer: "/run/buildroot/mounts/var"
  std::string lower, upper, work;
  std::string name;    // for names of units: "var", "srv-my\\x2dapp"
  std::string source;  // for the mount table: "srv-my-app"

  explicit FolderPlaces(const std::string& path);
  // The overlay's mount options. They are the same for every backing.
  [[nodiscard]] kernel::MountOptions options() const;
};

// Why no unit can mount an overlay over this folder; empty: one can.
std::string folder_problem(std::string_view folder);

// File name and text of each unit; the overlay's mount unit is the last. program: the path of this program. Pure.
std::vector<std::pair<std::string, std::string>> units_for_folder(const std::string& folder,
                                                                  const std::string& program);

// systemd.generator(7): writes units to the folder words[1], for each `overlay` of boot.conf. Folders that cannot have
// an overlay are logged and left out. Throws Error.
int run_generator(char** words);

// `unionroot-boot prepare FOLDER`: mounts the layers. If the backing cannot be used, memory is used instead, and the
// reason is logged. Throws Error if that fails too, or if the folder is invalid or already prepared.
void prepare_folder(kernel::Mounts& mounts, const std::string& folder, const std::string& run);
// `unionroot-boot release FOLDER`: the reverse. A mount that is already gone is no error.
void release_folder(kernel::Mounts& mounts, const std::string& folder);

}  // namespace unionroot::boot
