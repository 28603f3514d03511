#include "boot/console_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

namespace unionroot::base::log {

namespace {

bool all_shown = false;
std::string kept;       // messages from before there was a file
std::string kept_file;  // empty: there is no file yet

void put(int descriptor, std::string_view text) {
  // Errors are ignored: the machine must boot without a console, too.
  if (::write(descriptor, text.data(), text.size()) < 0) return;
}

std::string since_start() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto milliseconds = std::to_string(1000 + now.tv_nsec / 1'000'000);
  return concat("[", static_cast<std::int64_t>(now.tv_sec), ".", milliseconds.substr(1), "] ");
}

void keep(std::string_view line) {
  if (kept_file.empty()) {
    kept += line;
    return;
  }
  const UniqueFd file(::open(kept_file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (file) put(file.get(), line);
}

void write(char priority, bool shown, std::string_view message) {
  const auto text = printable(message, std::string_view::npos);
  // Each write to /dev/kmsg is one record (Documentation/ABI/testing/dev-kmsg).
  const UniqueFd kernel_log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  if (kernel_log) put(kernel_log.get(), concat("<", priority, ">unionroot-boot: ", text.substr(0, 900), "\n"));
  const auto line = concat(since_start(), text, "\n");
  keep(line);
  if (!shown && !all_shown) return;
  const UniqueFd console(::open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC));
  put(console ? console.get() : STDERR_FILENO, concat("unionroot-boot: ", line));
}

}  // namespace

void set_level(Level level) { all_shown = level == Level::debug; }
// This program prints to the console itself. So it gives the kernel's copies priorities that a quiet boot does not
// print.
void debug(std::string_view message) { write('7', false, message); }
void info(std::string_view message) { write('6', false, message); }
void warning(std::string_view message) { write('5', true, message); }
void error(std::string_view message) { write('4', true, message); }

}  // namespace unionroot::base::log

namespace unionroot::boot {

void keep_log(const std::string& path) {
  kernel::ensure_directories(std::string(base::parent_path(path)), 0755);
  const base::UniqueFd file(
      base::check(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644), "making", path));
  base::write_all(file.get(), base::log::kept, path);
  base::log::kept.clear();
  base::log::kept_file = path;
}

}  // namespace unionroot::boot
