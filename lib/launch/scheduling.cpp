#include "launch/scheduling.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "launch/wire.h"

namespace unionroot::launch {

namespace {

// sched_getattr(2). The kernel's header conflicts with the C library's.
struct Attributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};
constexpr std::uint64_t reset_on_fork = 1;  // SCHED_FLAG_RESET_ON_FORK

// The processors that it may use now, in a mask of the kernel's size.
std::string processors_of(pid_t pid) {
  std::array<char, wire::longest_mask> mask{};
  const auto size = base::check(::syscall(SYS_sched_getaffinity, pid, mask.size(), mask.data()),
                                "reading the processors of process", std::to_string(pid));
  return {mask.data(), static_cast<std::size_t>(size)};
}

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_real_time(std::uint32_t policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

}  // namespace

Scheduling scheduling_of(pid_t pid, std::string_view oom_score_adjust) {
  Attributes attributes{};
  base::check(::syscall(SYS_sched_getattr, pid, &attributes, sizeof attributes, 0), "reading the scheduling of process",
              std::to_string(pid));
  Scheduling scheduling;
  scheduling.policy = attributes.policy;
  scheduling.nice = attributes.nice;
  scheduling.priority = attributes.priority;
  const bool known = is_real_time(scheduling.policy) || scheduling.policy == SCHED_OTHER ||
                     scheduling.policy == SCHED_BATCH || scheduling.policy == SCHED_IDLE;
  const bool reset = (attributes.flags & reset_on_fork) != 0;
  // Children cannot have SCHED_DEADLINE (sched(7)). The policy of a BPF scheduler is not passed on.
  if (!known || (reset && is_real_time(scheduling.policy))) scheduling = {};
  if (reset && scheduling.nice < 0) scheduling.nice = 0;
  scheduling.io_priority = static_cast<int>(base::check(::syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid),
                                                        "reading the I/O priority of process", std::to_string(pid)));
  scheduling.oom_score_adjust = number(base::trim(oom_score_adjust));
  scheduling.processors = processors_of(pid);
  return scheduling;
}

}  // namespace unionroot::launch
