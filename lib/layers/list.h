// The change list as texts, for a pipe.
//
// Each change is seven texts. Each text ends with NUL. They are: kind; path; former path; differences; link group,
// which is the same for all names of one file, or "0"; facts before; facts now. Facts are type, mode, uid, gid, size,
// links, time and device. The list ends with "." and six empty texts. If the list could not be made, it ends with "!",
// the reason and five empty texts. A list without either end is incomplete.
#pragma once

#include <string>

#include "layers/changes.h"

namespace unionroot::layers {

inline constexpr int texts_of_change = 7;

std::string as_texts(const Change& change);
std::string end_of_list();
std::string failure_of_list(const std::string& why);

}  // namespace unionroot::layers
