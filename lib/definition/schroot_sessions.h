// The sessions of a real schroot, read from its session files.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "definition/problem.h"
#include "definition/settings.h"

namespace unionroot::definition {

// The first text of a file that shows a session of unionroot in schroot's folder.
inline constexpr std::string_view mark_of_view = "# A view of unionrootd's, with ";

struct SchrootSessionFile {
  std::string path;
  std::string id;
  std::string chroot;
  std::string type;      // type of that chroot
  std::string owner;     // the only user who may use it; empty: unknown
  bool as_root = false;  // the owner may be root in it
  std::string union_type;
  std::string overlay;   // directory of its upper layer; empty without a union
  std::string location;  // its mount point, or its last one before a reboot
  std::map<std::string, std::string> keys;
};

// Returns one session. Throws Error if the file does not exist, if others than root can write to it, or if it is not a
// session file.
SchrootSessionFile schroot_session_file(const Settings& settings, const std::string& id);

// Returns all sessions by id, without unionroot's. Unreadable files are reported in `problems`.
std::vector<SchrootSessionFile> schroot_sessions(const Settings& settings, Problems& problems);

}  // namespace unionroot::definition
