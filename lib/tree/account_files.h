// passwd, shadow, group and gshadow of a session.
#pragma once

#include <string>

#include "tree/file_writer.h"
#include "tree/files.h"

namespace unionroot::tree {

// Writes them as request.nss says. Throws as write_files does.
//
// No password of the host comes with them but, where the request says so, the user's. Wherever shadow and gshadow are
// written they are root:shadow 0640, by the tree's number for that group, or root:root 0600 where there is none.
void write_accounts(FileWriter& writer, const FilesRequest& request);

// Whether a file of the host is one of those with accounts or passwords, or a former one. They are not copied as other
// files are.
bool is_account_file(const FileWriter& writer, const FileVersion& file);

}  // namespace unionroot::tree
