// Private to archive: owner, mode, attributes, access control lists and time of one file, by descriptor.
#pragma once

#include <string>
#include <vector>

#include "archive/member.h"

namespace unionroot::archive::detail {

// Sets them. `file`: any descriptor of the file, O_PATH too. No step undoes another: the owner comes first, because
// chown(2) clears set-id bits and capabilities, and the time comes last. What the file system cannot keep (ENOTSUP) is
// added to `notes`. Throws SystemError for other errors.
void apply_metadata(int file, const Member& member, std::vector<std::string>& notes);

// Reads the attributes and the access control lists of a file into the member.
void read_attributes(int file, Member& member);

// Keeps the first 20 notes, and one more that tells that there were others.
void add_note(std::vector<std::string>& notes, std::string note);

}  // namespace unionroot::archive::detail
