// Private to archive: owner, mode, attributes, lists and time of one file, by descriptor.
#pragma once

#include <string>
#include <vector>

#include "archive/member.h"

namespace unionroot::archive::detail {

// file: any descriptor of it, O_PATH too. In an order in which no step undoes another: chown(2) clears set-id bits and
// capabilities, so it comes first; the time comes last. What the file system cannot keep (ENOTSUP) goes to notes;
// throws SystemError for all else.
void apply_metadata(int file, const Member& member, std::vector<std::string>& notes);

// Attributes (access control lists apart) and lists of a file, into the member.
void read_attributes(int file, Member& member);

// At most this many notes of a kind are kept.
void add_note(std::vector<std::string>& notes, std::string note);

}  // namespace unionroot::archive::detail
