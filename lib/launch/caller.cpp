#include "launch/caller.h"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/network.h"
#include "launch/scheduling.h"

namespace unionroot::launch {

namespace {

struct LimitName {
  std::string_view name;
  int resource;
};

// The names in /proc/PID/limits, as in the kernel's fs/proc/base.c.
constexpr LimitName limit_names[] = {
    {"Max cpu time", RLIMIT_CPU},
    {"Max file size", RLIMIT_FSIZE},
    {"Max data size", RLIMIT_DATA},
    {"Max stack size", RLIMIT_STACK},
    {"Max core file size", RLIMIT_CORE},
    {"Max resident set", RLIMIT_RSS},
    {"Max processes", RLIMIT_NPROC},
    {"Max open files", RLIMIT_NOFILE},
    {"Max locked memory", RLIMIT_MEMLOCK},
    {"Max address space", RLIMIT_AS},
    {"Max file locks", RLIMIT_LOCKS},
    {"Max pending signals", RLIMIT_SIGPENDING},
    {"Max msgqueue size", RLIMIT_MSGQUEUE},
    {"Max nice priority", RLIMIT_NICE},
    {"Max realtime priority", RLIMIT_RTPRIO},
    {"Max realtime timeout", RLIMIT_RTTIME},
};

std::optional<rlim_t> limit_value(std::string_view text) {
  if (text == "unlimited") return RLIM_INFINITY;
  return base::parse_unsigned(text);
}

}  // namespace

Limits parse_limits(std::string_view text) {
  constexpr std::size_t name_width = 25;  // "%-25s %-20s %-20s %-10s": proc(5)
  Limits limits;
  for (const auto& line : base::split(text, '\n')) {
    const auto name = base::trim(std::string_view(line).substr(0, name_width));
    const auto* const known = std::find_if(std::begin(limit_names), std::end(limit_names),
                                           [&](const LimitName& each) { return each.name == name; });
    if (known == std::end(limit_names)) continue;  // the heading, or a limit that this program does not know
    const auto values = base::split(std::string_view(line).substr(name_width), ' ');
    const auto soft = values.empty() ? std::nullopt : limit_value(values[0]);
    const auto hard = values.size() < 2 ? std::nullopt : limit_value(values[1]);
    if (soft && hard) limits.emplace_back(known->resource, rlimit{*soft, *hard});
  }
  return limits;
}

bool is_all(std::string_view status, uid_t uid) {
  const auto field = base::status_field(status, "Uid");
  if (!field) return false;
  unsigned count = 0;
  for (const auto& word : base::split(*field, '\t')) {
    if (base::parse_unsigned(word) != uid) return false;
    ++count;
  }
  return count == 4;  // real, effective, saved set, file system: proc(5)
}

namespace {

// /proc/PID of one process, held open. It never shows a later process with the same number.
class ProcessFolder {
 public:
  explicit ProcessFolder(pid_t pid)
      : pid_(pid), folder_(::open(base::concat("/proc/", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!folder_) gone();
  }

  template <typename Question>
  auto ask(const Question& question) const {
    try {
      return question();
    } catch (const base::SystemError& error) {
      if (error.error_number() == ESRCH) gone();
      throw;
    }
  }

  // Limits are not read by prlimit(2): for another user's process it needs CAP_SYS_RESOURCE, which containers often
  // lack.
  [[nodiscard]] std::string read(const char* name) const {
    const auto file = open(name);
    return ask([&] { return base::read_all(file.get(), name, std::size_t{1} << 16); });
  }

  // The facts of a file beneath it; nullopt: this process may not access it, ptrace(2).
  [[nodiscard]] std::optional<struct stat> look_at(const char* name) const {
    struct stat facts {};
    if (::fstatat(folder_.get(), name, &facts, 0) == 0) return facts;
    if (errno == EACCES || errno == EPERM) return std::nullopt;
    gone();
  }

  [[nodiscard]] base::UniqueFd open(const char* name) const {
    base::UniqueFd file(::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC));
    if (!file) gone();
    return file;
  }

  // Empty if the kernel denies access, as in some containers.
  [[nodiscard]] std::string read_if_possible(const char* name) const {
    const base::UniqueFd file(::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC));
    if (!file) return {};
    try {
      return base::read_all(file.get(), name, std::size_t{1} << 16);
    } catch (const base::SystemError&) {
      return {};
    }
  }

  [[noreturn]] void gone() const {
    throw base::Error(base::ErrorCode::access_denied, base::concat("the process that asks (pid ", pid_, ") has gone"),
                      "the command takes its limits from it");
  }

 private:
  pid_t pid_;
  base::UniqueFd folder_;
};

// The text is hexadecimal. Drops the flags that make a program less safe, since set-uid programs do not inherit them.
std::optional<unsigned long> personality_in(std::string_view text) {
  unsigned long personality = 0;
  const auto digits = text.substr(0, text.find('\n'));
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), personality, 16);
  if (digits.empty() || error != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
  personality &= ~(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO);
  if (personality == PER_LINUX) return std::nullopt;
  return personality;
}

std::optional<mode_t> umask_in(std::string_view status) {
  const auto digits = base::status_field(status, "Umask");
  if (!digits) return std::nullopt;
  unsigned mask = 0;
  const auto [rest, error] = std::from_chars(digits->data(), digits->data() + digits->size(), mask, 8);
  if (error != std::errc() || rest != digits->data() + digits->size() || mask > 0777) return std::nullopt;
  return mask;
}

struct stat of_own(const char* path) {
  struct stat facts {};
  base::check(::stat(path, &facts), "looking at", path);
  return facts;
}

// Empty: it is this process's own network, which never changes.
base::UniqueFd network_of(const ProcessFolder& process) {
  static const auto own = of_own("/proc/self/ns/net");
  const auto found = process.look_at("ns/net");
  if (found && base::is_same_file(*found, own)) return {};
  if (found) return process.open("ns/net");
  // This happens in a container without CAP_SYS_PTRACE. The files of each network have inode numbers of their own.
  const auto file = process.look_at("net/dev");
  if (file && base::is_same_file(*file, of_own("/proc/self/net/dev"))) return {};
  throw base::Error(
      base::ErrorCode::not_supported,
      "starting a command: its caller is in a network namespace of its own, which the daemon may not enter",
      "run unionrootd with CAP_SYS_PTRACE, or let the chroot's definition say network=host, none or private");
}

}  // namespace

Inherited inherited_from(pid_t pid, std::optional<std::uint64_t> start_time, uid_t uid, bool network) {
  const ProcessFolder process(pid);
  if (start_time && base::process_start_time(pid) != start_time) process.gone();
  const std::string before = process.read("status");
  Inherited inherited;
  inherited.limits = parse_limits(process.read("limits"));
  inherited.control_groups = process.read("cgroup");
  inherited.personality = personality_in(process.read_if_possible("personality"));
  inherited.scheduling = process.ask([&] { return scheduling_of(pid, process.read("oom_score_adj")); });
  if (network) inherited.network = network_of(process);
  // If the process is gone by now, another one may have had its number above.
  const std::string after = process.read("status");
  const auto mask = umask_in(after);
  const auto no_new_privileges = base::status_field(after, "NoNewPrivs");
  if (!mask || !no_new_privileges || inherited.limits.empty()) process.gone();  // a zombie has no mask and no limits
  inherited.no_new_privileges =
      *no_new_privileges != "0" || (inherited.network && !kernel::is_of_own_user_namespace(inherited.network.get()));
  if (is_all(before, uid) && is_all(after, uid)) {
    inherited.umask = *mask;
    return inherited;
  }
  if (uid == 0)
    return {.limits = {},
            .umask = 022,
            .no_new_privileges = inherited.no_new_privileges,
            .control_groups = std::move(inherited.control_groups),
            .scheduling = std::nullopt,
            .network = std::move(inherited.network),
            .personality = std::nullopt};
  throw base::Error(base::ErrorCode::access_denied,
                    base::concat("the process that asks (pid ", pid, ") runs with other rights than user ", uid,
                                 " has: it executed a set-uid program, or changed its uid"),
                    "the command takes its limits from it: ask from a process that has this user's uid alone");
}

}  // namespace unionroot::launch
