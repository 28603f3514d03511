#include "daemon/calls.h"

#include <fcntl.h>

#include <limits>
#include <utility>

#include "base/error.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t longest_name = 256;
constexpr std::size_t longest_path = 4096;

std::optional<std::chrono::milliseconds> wait_of(const Options& options) {
  const auto wait = options.integer("wait", -1, std::numeric_limits<std::int64_t>::max() / 1'000'000);
  if (!wait || *wait == 0) return std::nullopt;
  return std::chrono::milliseconds(*wait);
}

ProgressWish progress_of(const Options& options) {
  const auto number = options.integer("progress", 0, std::numeric_limits<std::uint32_t>::max());
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

BeginCall parse_begin(std::string chroot, const Dictionary& dictionary) {
  const Options options("Begin", dictionary, {"name", "wait", "user-data", "progress"});
  BeginCall call;
  call.chroot = std::move(chroot);
  call.name = options.text("name", longest_name);
  call.wait = wait_of(options);
  call.user_data = options.pairs("user-data");
  call.progress = progress_of(options);
  return call;
}

RunCall parse_run(std::string name, std::vector<std::string> arguments, const Dictionary& dictionary) {
  const Options options("Run", dictionary,
                        {"user", "directory", "caller-directory", "preserve-environment", "environment", "shell",
                         "terminal", "rows", "columns", "term", "wait", "user-data", "arguments", "progress"});
  RunCall call;
  call.name = std::move(name);
  call.arguments = options.has("arguments") ? options.texts("arguments") : std::move(arguments);
  call.user = options.text("user", longest_name);
  call.directory = options.text("directory", longest_path);
  if (call.directory.empty()) {
    call.directory = options.text("caller-directory", longest_path);
    call.directory_required = !call.arguments.empty();
  }
  call.preserve_environment = options.boolean("preserve-environment").value_or(false);
  call.environment = options.texts("environment");
  call.shell = options.text("shell", longest_path);
  call.terminal = options.boolean("terminal").value_or(false);
  call.rows = static_cast<unsigned short>(options.integer("rows", 0, 65535).value_or(24));
  call.columns = static_cast<unsigned short>(options.integer("columns", 0, 65535).value_or(80));
  call.terminal_type = options.text("term", longest_name);
  call.wait = wait_of(options);
  call.user_data = options.pairs("user-data");
  call.progress = progress_of(options);
  return call;
}

EndCall parse_end(const Dictionary& dictionary) {
  const Options options("End", dictionary, {"force", "progress"});
  return {options.boolean("force").value_or(false), progress_of(options)};
}

RecoverCall parse_recover(const Dictionary& dictionary) {
  return {progress_of(Options("Recover", dictionary, {"progress"}))};
}

base::UniqueFd keep_descriptor(int fd) {
  return base::UniqueFd(base::check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicating a descriptor of the caller"));
}

}  // namespace unionroot::daemon
