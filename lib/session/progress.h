// How far a long stage has come.
#pragma once

#include <cstdint>
#include <string>

namespace unionroot::session {

struct Progress {
  std::string what;         // "unpacking /srv/base.tar.zst", "waiting until another session has unpacked ..."
  std::uint64_t done = 0;   // bytes
  std::uint64_t total = 0;  // 0: not known
};

}  // namespace unionroot::session
