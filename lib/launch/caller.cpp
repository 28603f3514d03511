#include "launch/caller.h"

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace unionroot::launch {

std::vector<std::pair<int, rlimit>> rlimits_of(pid_t pid) {
  std::vector<std::pair<int, rlimit>> limits;
  limits.reserve(RLIM_NLIMITS);
  for (int resource = 0; resource < static_cast<int>(RLIM_NLIMITS); ++resource) {
    rlimit limit{};
    base::check(::prlimit(pid, static_cast<__rlimit_resource>(resource), nullptr, &limit),
                "reading the resource limits of process", std::to_string(pid));
    limits.emplace_back(resource, limit);
  }
  return limits;
}

mode_t umask_of(pid_t pid) {
  const std::string path = base::concat("/proc/", pid, "/status");
  const std::string status = base::read_file(path, std::size_t{1} << 16);
  constexpr std::string_view key = "\nUmask:";
  const auto start = status.find(key);
  if (start != std::string::npos) {
    const auto end = status.find('\n', start + 1);
    const std::string_view digits = base::trim(
        std::string_view(status).substr(start + key.size(), end == std::string::npos ? end : end - start - key.size()));
    unsigned mask = 0;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mask, 8);
    if (error == std::errc() && rest == digits.data() + digits.size() && mask <= 0777) return mask;
  }
  throw base::Error(base::ErrorCode::failed,
                    base::concat("reading the umask of process ", pid, ": ", path, " has no line for it"),
                    "the process has probably ended: try again");
}

}  // namespace unionroot::launch
