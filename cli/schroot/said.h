// Prints the daemon's errors in schroot's words.
#pragma once

#include <string>

#include "base/error.h"

namespace unionroot::schroot {

struct Concerning {
  std::string given;    // the chroot or session, as the user named it
  std::string user;     // the user of the command; empty: the caller
  std::string session;  // the session, or the name for a new one; empty: none
  const char* stage;    // schroot's name of the current stage: "setup-start"
  bool verbose = false;
};

void say(const base::Error& error, const Concerning& about);

}  // namespace unionroot::schroot
