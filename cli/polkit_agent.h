// pkttyagent(1): asks for a password on our terminal while the daemon asks polkit.
#pragma once

#include <sys/types.h>

#include <string>

namespace unionroot::cli {

class PolkitAgent {
 public:
  // True if we are on a terminal, where the user can be asked.
  static bool has_terminal();

  // Returns when the agent is registered or has ended, at the latest after 10 seconds. Without an agent polkit cannot
  // ask, and the daemon says so. address: of the bus. The agent ends with this process, however that ends.
  explicit PolkitAgent(const std::string& address);
  PolkitAgent(const PolkitAgent&) = delete;
  PolkitAgent& operator=(const PolkitAgent&) = delete;
  ~PolkitAgent();

 private:
  pid_t pid_ = -1;
};

}  // namespace unionroot::cli
