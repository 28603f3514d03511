// Which file of a lower layer a file was copied up from. Handles are compared; none is opened.
#pragma once

#include <string>

#include "layers/view.h"

namespace unionroot::layers {

// The handle in the attribute `overlay.origin`; empty: it has none.
std::string origin_of(const Entry& entry);
// The file's own, name_to_handle_at(2); empty: its file system has none.
std::string handle_of(int file);

}  // namespace unionroot::layers
