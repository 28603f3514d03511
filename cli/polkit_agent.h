// pkttyagent(1): asks for a password on our terminal while the daemon asks polkit.
#pragma once

#include <sys/types.h>

#include <string>

namespace unionroot::cli {

class PolkitAgent {
 public:
  // Somebody can be asked: we are on a terminal.
  static bool has_terminal();

  // Returns once it is there, or cannot be: then polkit finds nobody to ask, and the daemon says so. address: of the
  // bus. It ends with us, however we end.
  explicit PolkitAgent(const std::string& address);
  PolkitAgent(const PolkitAgent&) = delete;
  PolkitAgent& operator=(const PolkitAgent&) = delete;
  ~PolkitAgent();

 private:
  pid_t pid_ = -1;
};

}  // namespace unionroot::cli
