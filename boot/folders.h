// Overlays over single folders of a read-only root, such as /var: systemd's units mount them, a generator writes these,
// and two steps of this program stand between them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/mounts.h"

namespace unionroot::boot {

// Where what belongs to the overlay over a folder is mounted. /var has Buildroot's places and names, so that a drop-in
// written for its units works.
struct FolderPlaces {
  std::string folder;   // "/var"
  std::string backing;  // what holds the upper layer: "/run/buildroot/mounts/var"
  std::string lower, upper, work;
  std::string name;    // "var", "srv-my\\x2dapp": in the names of units
  std::string source;  // "srv-my-app": in the table of mounts

  explicit FolderPlaces(const std::string& path);
  // Exactly these, whatever holds the upper layer.
  [[nodiscard]] kernel::MountOptions options() const;
};

// Why no unit can lay an overlay over it; empty: one can.
std::string folder_problem(std::string_view folder);

// File name and text of each unit. program: this program's path. Pure.
std::vector<std::pair<std::string, std::string>> units_for_folder(const std::string& folder,
                                                                  const std::string& program);

// systemd.generator(7): units for each `overlay` of boot.conf, in words[1]. What cannot be is told.
int run_generator(char** words);

// `unionroot-boot prepare FOLDER`: the layers are made ready. A backing that cannot be used leads to memory, told.
// Throws only if not even that can be had.
void prepare_folder(kernel::Mounts& mounts, const std::string& folder, const std::string& run);
// `unionroot-boot release FOLDER`: the reverse. What is not there any more is no error.
void release_folder(kernel::Mounts& mounts, const std::string& folder);

}  // namespace unionroot::boot
