// The differences between two files or folders.
#pragma once

#include "layers/options.h"
#include "layers/view.h"

namespace unionroot::layers {

// Bit flags.
enum Difference : unsigned {
  content_differs = 1,  // of a link: its target; of a device: its number
  mode_differs = 2,
  owner_differs = 4,
  time_differs = 8,  // mtime
  attributes_differ = 16,
  links_differ = 32,  // the number of names
};

// Both must have the same type. Throws SystemError.
unsigned differences(const Entry& now, const Entry& before);

// True if both have the same content. Both must have the same type; regular files may differ in size.
bool same_content(const Entry& now, const Entry& before);

}  // namespace unionroot::layers
