// The options of an overlay, and one that an fstab names: its layers on the host. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mount/plan.h"

namespace unionroot::mount {

struct OverlayEntry {
  std::vector<std::string> lowers;  // absolute, top first; none: what the session has at the target
  std::string store;                // the folder above both upper and work; empty: a read-only overlay
  std::string upper, work;          // relative to it
  std::vector<std::pair<std::string, std::string>> options;  // the others
};

// Throws Error(definition_invalid) with the entry's origin.
OverlayEntry overlay_entry(const InnerMount& entry);

// "redirect_dir=on,index=off" -> pairs; throws Error(definition_invalid) for an option that overlay does not have or
// that the session manager sets itself (lowerdir, upperdir, workdir, userxattr, volatile).
std::vector<std::pair<std::string, std::string>> overlay_options(const std::string& text);

// "/dev//pts/" -> "dev/pts". nullopt if it is relative, or has "..".
std::optional<std::string> relative_to_root(const std::string& path);

}  // namespace unionroot::mount
