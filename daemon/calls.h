// What the methods' arguments say, as plain values: parsed on the bus thread, carried out on a worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "daemon/options.h"

namespace unionroot::daemon {

// The caller wants to be told of progress, with this number to know its call by; nullopt: it does not.
using ProgressWish = std::optional<std::uint32_t>;

struct BeginCall {
  std::string chroot;
  std::string name;
  std::optional<std::chrono::milliseconds> wait;  // negative: without end
  std::map<std::string, std::string> user_data;
  ProgressWish progress;
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
  ProgressWish progress;
};

struct EndCall {
  bool force = false;
  ProgressWish progress;
};

struct RecoverCall {
  ProgressWish progress;
};

// Each throws Error(invalid_argument).
BeginCall parse_begin(std::string chroot, const Dictionary& options);
RunCall parse_run(std::string name, std::vector<std::string> arguments, const Dictionary& options);
EndCall parse_end(const Dictionary& options);
RecoverCall parse_recover(const Dictionary& options);

// A close-on-exec duplicate of a descriptor that came with a message. Throws Error.
base::UniqueFd keep_descriptor(int fd);

}  // namespace unionroot::daemon
