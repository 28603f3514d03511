// The change list as texts, for a pipe.
//
// Each change is seven texts that end with NUL: kind, path, former path, what differs, the same group for files with
// several names that are one file or "0", and facts of before and of now: type, mode, uid, gid, size, links, time and
// device. The last is "." and six empty texts; "!" and the reason in the place of the path if the list could not be
// made. A list without either was broken off.
#pragma once

#include <string>

#include "layers/changes.h"

namespace unionroot::layers {

inline constexpr int texts_of_change = 7;

std::string as_texts(const Change& change);
std::string end_of_list();
std::string failure_of_list(const std::string& why);

}  // namespace unionroot::layers
