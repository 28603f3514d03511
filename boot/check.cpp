#include "boot/check.h"

#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/command.h"

namespace unionroot::boot {

using base::concat;
using base::Error;

namespace {

// Bits of the exit status, see fsck(8).
constexpr int corrected = 1, corrected_and_reboot = 2, errors_left = 4;
// A large disk takes many minutes. A check that is stopped may have written only a part of a repair.
constexpr std::chrono::hours longest_check{4};
constexpr std::size_t longest_told = 400;

// The program that checks this type, with its options. Empty: this type is not checked before a mount. xfs and btrfs
// repair themselves when they are mounted.
std::vector<std::string> program_for(const std::string& type, CheckMode mode) {
  const bool forced = mode == CheckMode::forced;
  if (type == "ext2" || type == "ext3" || type == "ext4")
    return forced ? std::vector<std::string>{"e2fsck", "-p", "-f"} : std::vector<std::string>{"e2fsck", "-p"};
  if (type == "f2fs") return {"fsck.f2fs", forced ? "-f" : "-a"};
  return {};
}

// The program's output on one line. If it is long, only its end.
std::string told(const kernel::CommandResult& result) {
  std::string text = base::join(base::split(result.output, '\n'), "; ");
  if (!result.errors.empty()) text += concat(text.empty() ? "" : "; ", result.errors);
  text = base::printable(text, std::string::npos);
  return text.size() <= longest_told ? text : concat("... ", text.substr(text.size() - longest_told));
}

}  // namespace

std::string check_file_system(const Device& device, CheckMode mode) {
  const auto path = base::printable(device.path);
  auto words = program_for(device.type, mode);
  if (words.empty() || mode == CheckMode::skipped) return "none";
  const auto name = words.front();
  if (kernel::find_program(name).empty()) {
    base::log::info(concat("the file system of ", path, " is not checked: there is no ", name));
    return "none";
  }
  words.push_back(device.path);
  kernel::CommandResult result;
  try {
    result = kernel::run_command({words, longest_check, {}, {}});
  } catch (const Error& error) {
    base::log::warning(concat("the file system of ", path, " could not be checked: ", error.with_hint()));
    return "failed";
  }
  const auto status = result.end.how == kernel::ProcessEnd::How::exited ? result.end.value : -1;
  if (status == 0) {
    base::log::info(concat("the file system of ", path, " was checked: ", told(result)));
    return "clean";
  }
  if (status > 0 && (status & errors_left) != 0)
    throw Error(base::ErrorCode::failed,
                concat(path, " has errors that ", name, " does not repair by itself: ", told(result)),
                concat("repair it by hand: ", words.front(), " ", path));
  if (status > 0 && (status & ~(corrected | corrected_and_reboot)) == 0) {
    base::log::warning(concat("the file system of ", path, " was repaired: ", told(result)));
    return "repaired";
  }
  base::log::warning(concat("the file system of ", path, " could not be checked: ", name, " ",
                            kernel::describe(result.end), ": ", told(result)));
  return "failed";
}

}  // namespace unionroot::boot
