// In what two files or folders differ.
#pragma once

#include "layers/options.h"
#include "layers/view.h"

namespace unionroot::layers {

// Bits; what of a file or folder differs.
enum Difference : unsigned {
  content_differs = 1,  // of a link: where it leads; of a device: which one it is
  mode_differs = 2,
  owner_differs = 4,
  time_differs = 8,  // of the last change of its content
  attributes_differ = 16,
  links_differ = 32,  // how many names it has
};

// Of two of one type. Throws SystemError.
unsigned differences(const Entry& now, const Entry& before);

// Whether both have the same content; of regular files of one size, links and devices.
bool same_content(const Entry& now, const Entry& before);

}  // namespace unionroot::layers
