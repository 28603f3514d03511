// The sessions of a real schroot, by the files that it keeps of them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "definition/problem.h"
#include "definition/settings.h"

namespace unionroot::definition {

// With this begins a file of a session of ours that is shown where schroot's files are.
inline constexpr std::string_view mark_of_view = "# A view of unionrootd's, with ";

struct SchrootSessionFile {
  std::string path;  // of the file
  std::string id;
  std::string chroot;    // that it was begun on
  std::string type;      // of that chroot
  std::string owner;     // who alone may use it; empty: not known
  bool as_root = false;  // and may be root in it
  std::string union_type;
  std::string overlay;   // where its files are; empty without a union
  std::string location;  // where it is mounted, or was before the last boot
  std::map<std::string, std::string> keys;
};

// That of one session. Throws Error: it is not there, others than root can write to it, or it is no file of a session.
SchrootSessionFile schroot_session_file(const Settings& settings, const std::string& id);

// By id; without those of ours. What cannot be read is added to problems.
std::vector<SchrootSessionFile> schroot_sessions(const Settings& settings, Problems& problems);

}  // namespace unionroot::definition
