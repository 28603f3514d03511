// The options of an overlay, and an fstab's overlay entry with its layers on the host. Makes no system calls.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mount/plan.h"

namespace unionroot::mount {

struct OverlayEntry {
  std::vector<std::string> lowers;  // absolute, top first; none: the session's tree at the target
  std::string store;                // the folder above both upper and work; empty: a read-only overlay
  std::string upper, work;          // relative to `store`
  std::vector<std::pair<std::string, std::string>> options;  // the other options
};

// Throws Error(definition_invalid) with the entry's origin.
OverlayEntry overlay_entry(const InnerMount& entry);

// "redirect_dir=on,index=off" -> pairs. Throws Error(definition_invalid) for an option that overlayfs does not have, or
// that the session sets itself (lowerdir, upperdir, workdir, userxattr, volatile).
std::vector<std::pair<std::string, std::string>> overlay_options(const std::string& text);

// "/dev//pts/" -> "dev/pts". nullopt if the path is relative or contains "..".
std::optional<std::string> relative_to_root(const std::string& path);

}  // namespace unionroot::mount
