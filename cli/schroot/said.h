// The daemon's errors in schroot's words.
#pragma once

#include <string>

#include "base/error.h"

namespace unionroot::schroot {

struct Concerning {
  std::string given;    // the chroot or session as it was named
  std::string user;     // that the command was to run as; empty: the caller
  std::string session;  // the session, or the name that a new one was to have; empty: none
  const char* stage;    // what schroot calls it that was under way: "setup-start"
  bool verbose = false;
};

void say(const base::Error& error, const Concerning& about);

}  // namespace unionroot::schroot
