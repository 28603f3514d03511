// What the methods' arguments say, as plain values: parsed on the bus thread, carried out on a worker.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "daemon/options.h"

namespace unionroot::daemon {

struct BeginCall {
  std::string chroot;
  std::string name;
  std::optional<std::chrono::milliseconds> wait;  // negative: without end
  std::map<std::string, std::string> user_data;
};

struct RunCall {
  std::string name;
  std::vector<std::string> arguments;
  std::string user;
  std::string directory;
  bool directory_required = true;
  bool preserve_environment = false;
  std::vector<std::string> environment;
  std::string shell;
  bool terminal = false;
  std::string terminal_type;
  unsigned short rows = 24, columns = 80;
  std::optional<std::chrono::milliseconds> wait;
  std::map<std::string, std::string> user_data;
  base::UniqueFd standard[3];
};

// Each throws Error(invalid_argument).
BeginCall parse_begin(std::string chroot, const Dictionary& options);
RunCall parse_run(std::string name, std::vector<std::string> arguments, const Dictionary& options);
bool parse_end(const Dictionary& options);  // force
void parse_recover(const Dictionary& options);

// A close-on-exec duplicate of a descriptor that came with a message. Throws Error.
base::UniqueFd keep_descriptor(int fd);

}  // namespace unionroot::daemon
