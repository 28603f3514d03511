// The files passwd, shadow, group and gshadow of a session.
#pragma once

#include <string>

#include "tree/file_writer.h"
#include "tree/files.h"

namespace unionroot::tree {

// Writes the files as request.nss says. Throws as write_files does.
//
// The host's passwords are not copied. Only the user's is, if the request says so. shadow and gshadow get owner
// root:shadow and mode 0640, with the tree's number for that group. Without such a group they get root:root 0600.
void write_accounts(FileWriter& writer, const FilesRequest& request);

// True if the host's file holds accounts or passwords, or is a backup of such a file. These are not copied as other
// files are.
bool is_account_file(const FileWriter& writer, const FileVersion& file);

}  // namespace unionroot::tree
