// The file of a lower layer that a file was copied up from. Handles are only compared, never opened.
#pragma once

#include <string>

#include "layers/view.h"

namespace unionroot::layers {

// The handle in the attribute `overlay.origin`; empty: there is none.
std::string origin_of(const Entry& entry);
// The file's own handle by name_to_handle_at(2); empty: its file system has no handles.
std::string handle_of(int file);

}  // namespace unionroot::layers
