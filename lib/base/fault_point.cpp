#include "base/fault_point.h"

#ifdef UNIONROOT_FAULT_POINTS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/fault_delay.h"
#include "base/unique_fd.h"

namespace unionroot::base {

namespace {

struct FaultPlan {
  long crash_at = 0;
  long fail_at = 0;
  int log = -1;
  const char* folder = std::getenv("UNIONROOT_FAULT_FOLDER");
  FaultDelay delay{std::getenv(fault_delay_variable)};
  std::atomic<std::uint64_t> delayed{0};
  std::atomic<bool> armed{false};
  std::atomic<long> passed{0};

  FaultPlan() {
    if (const char* value = std::getenv("UNIONROOT_CRASH_AT")) crash_at = std::strtol(value, nullptr, 10);
    if (const char* value = std::getenv("UNIONROOT_FAIL_AT")) fail_at = std::strtol(value, nullptr, 10);
    if (const char* value = std::getenv("UNIONROOT_FAULT_LOG"))
      log = ::open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    armed = std::getenv("UNIONROOT_FAULT_FROM_START") != nullptr;
    // Otherwise a test would believe that it tests with delays.
    if (std::getenv(fault_delay_variable) != nullptr && !delay.any()) {
      std::fputs("UNIONROOT_FAULT_DELAY is not MICROSECONDS[,SEED], with at most 60000000\n", stderr);
      ::abort();
    }
  }
  [[nodiscard]] bool idle() const { return crash_at == 0 && fail_at == 0 && log < 0 && folder == nullptr; }
};

// Waits or throws, depending on the file of this name in the folder.
void obey(const char* folder, const char* name) {
  const std::string path = std::string(folder) + "/" + name;
  while (true) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return;
    char word[4] = {};
    if (::read(file.get(), word, sizeof word) == sizeof word && std::memcmp(word, "fail", sizeof word) == 0)
      throw SystemError(EIO, std::string("injected fault at ") + name);
    ::usleep(2000);
  }
}

FaultPlan& plan() {
  static FaultPlan instance;
  return instance;
}

}  // namespace

void arm_fault_points() { plan().armed = true; }

void fault_point(const char* name) {
  FaultPlan& faults = plan();
  if (faults.delay.any()) faults.delay.wait(faults.delayed++);
  if (faults.idle() || !faults.armed) return;
  const long number = ++faults.passed;
  if (faults.log >= 0) {
    const std::string line = std::to_string(number) + " " + name + "\n";
    if (::write(faults.log, line.data(), line.size()) < 0) ::abort();
  }
  if (number == faults.crash_at) ::kill(::getpid(), SIGKILL);
  if (faults.folder != nullptr) obey(faults.folder, name);
  if (number == faults.fail_at) throw SystemError(EIO, std::string("injected fault at ") + name);
}

}  // namespace unionroot::base

#endif
